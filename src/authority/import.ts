import { createHash, createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Certificate } from '../x509/certificate.ts';
import { readCertificateBag } from './certificate-bag.ts';
import { Faults, refuse } from './errors.ts';
import { checkFitness, checkSuccession, notesOn } from './import-checks.ts';
import { finishInstall, installPath, installRolled } from './install.ts';
import { readKeyFile } from './keys/key-file.ts';
import { authoritiesFolder, authorityFiles, ISSUING, ROOT } from './layout.ts';
import { buildPath, candidate, type Candidate, isSelfSigned, namesakeOfIssuer } from './path-building.ts';
import { readCertificate, readCertificates } from './pem-files.ts';
import { called, checkTrustPath } from './trust-path.ts';

export interface ImportOptions {
  readonly data: string;
  readonly passphrase?: string | undefined;
  /** The other CA's file: PEM in any order, PKCS#7, or a single DER certificate. */
  readonly chain: Uint8Array;
  /** Its root, in the same forms, if the chain does not contain it. */
  readonly root?: Uint8Array | undefined;
  /** Seconds since the epoch. */
  readonly clock: () => number;
  /** Set if this is the successor of the issuing authority: its name, and when it takes over, seconds since the epoch. */
  readonly rolled?: { readonly name: string; readonly from: number } | undefined;
  /** Called with what is about to be installed, so that it is logged before it takes effect, even if a crash follows. */
  readonly before?: (result: ImportResult) => Promise<void>;
}

export interface ImportResult {
  readonly certificate: Certificate;
  /** DER, from its issuer up, without the root. */
  readonly chain: readonly Uint8Array[];
  /** The trust anchor, DER, and its SHA-256, lower-case hex. */
  readonly root: Uint8Array;
  readonly rootDigest: string;
  /** False if the path ended below a root: the last certificate found is then trusted instead. */
  readonly endsInRoot: boolean;
  /** Remarks for the operator, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Verifies and installs what another CA issued for `request.csr`, for the first time or as a renewal with the same key. Nothing is changed unless
 * everything is valid.
 * @throws AuthorityError `not-initialised`, `import-unexpected`, those of the key file, or every fault of the chain
 */
export async function importChain({ data, passphrase, chain, root, clock, rolled, before }: ImportOptions): Promise<ImportResult> {
  const now = clock();
  const name = rolled?.name ?? ISSUING;
  const installed = openInstalled(data, name);
  const key = readKeyFile(authorityFiles(data, name).key, `authorities/${name}/key.pem`, passphrase);
  const ourKey = createPublicKey(key).export({ type: 'spki', format: 'der' });

  // 1. All available certificates: from the file, the given root, and those installed before.
  const given = readBag(chain, 'the chain');
  const roots = root === undefined ? [] : readBag(root, 'the root').filter(isSelfSigned);
  if (root !== undefined && roots.length === 0) refuse('import-unreadable', 'holds no certificate that signed itself', 'the root');
  const pool = [...given, ...roots, ...installed.all];

  // 2. The certificate for our key, and the path up from it.
  const leaf = findLeaf(given, ourKey);
  const way = buildPath(leaf, roots.length === 0 ? pool : [...roots, ...pool.filter((one) => !isSelfSigned(one))], now);
  const top = way.at(-1) as Candidate;

  // 3. All rules, checked by our own strict parser.
  const faults = new Faults();
  const path = way.map(({ der }) => faults.catch(() => readCertificate(der, 'the chain'))).filter((one) => one !== undefined);
  faults.check();
  const certificate = path[0] as Certificate;
  checkTop(top, path.at(-1) as Certificate, pool, roots, faults);
  checkTrustPath(path, faults, now);
  checkFitness(certificate, faults);
  if (installed.certificate !== undefined) checkSuccession(certificate, installed.certificate, faults);
  if (rolled !== undefined && (installed.root === undefined || Buffer.compare(top.der, installed.root) !== 0)) {
    faults.add('chain-broken', 'does not lead to the root that is trusted here: another trust anchor is another deployment', called(certificate));
  }
  faults.check();

  const endsInRoot = isSelfSigned(top);
  const result: ImportResult = {
    certificate, endsInRoot,
    notes: notesOn(path, { endsInRoot, formerRoot: installed.root }),
    chain: way.slice(1, -1).map(({ der }) => der),
    root: top.der,
    rootDigest: createHash('sha256').update(top.der).digest('hex'),
  };

  // 4. Logged, then put in place, all or nothing.
  await before?.(result);
  if (rolled === undefined) installPath(data, way.map(({ der }) => der));
  else installRolled(data, rolled, way.map(({ der }) => der));
  return result;
}

interface Installed {
  readonly certificate: Certificate | undefined;
  readonly root: Uint8Array | undefined;
  readonly all: readonly Candidate[];
}

/** What was imported before, if anything. @throws AuthorityError if no import is expected */
function openInstalled(data: string, name: string): Installed {
  if (!existsSync(authoritiesFolder(data))) refuse('not-initialised', 'there are no authorities here; begin with chancery init --mode external', data);
  finishInstall(data);
  const issuing = authorityFiles(data, name);
  if (!existsSync(issuing.request)) refuse('import-unexpected', name === ISSUING ? 'the authorities here were not made with --mode external, so no other CA signs them' : `no authority ${name} waits for another CA's signature: there is no ${issuing.request}`);
  const own = readCertificates(issuing.certificate, `authorities/${name}/cert.pem`)?.[0];
  const chain = readCertificates(issuing.chain, `authorities/${name}/chain.pem`) ?? [];
  const root = readCertificates(authorityFiles(data, ROOT).certificate, 'authorities/root/cert.pem')?.[0];
  return {
    certificate: own === undefined ? undefined : readCertificate(own, `authorities/${name}/cert.pem`),
    root: root ?? own ?? readCertificates(authorityFiles(data, ISSUING).certificate, 'authorities/issuing/cert.pem')?.[0],
    all: [...chain, ...(root === undefined ? [] : [root])].flatMap((der) => candidate(der) ?? []),
  };
}

/** Those certificates that node:crypto can read. Others may be irrelevant to the path, so they are not faults as such. */
const readBag = (file: Uint8Array, name: string): Candidate[] => readCertificateBag(file, name).flatMap((der) => candidate(der) ?? []);

function findLeaf(given: readonly Candidate[], ourKey: Uint8Array): Candidate {
  const ours = given.filter(({ node }) => Buffer.compare(node.publicKey.export({ type: 'spki', format: 'der' }), ourKey) === 0);
  const [leaf, ...more] = ours;
  if (leaf === undefined) return refuse('import-key-absent', `none of the ${given.length} certificates holds the key that request.csr was made for`, 'the chain');
  if (more.length > 0) {
    const serials = ours.map(serialOf).join(', ');
    return refuse('import-ambiguous', `${ours.length} certificates hold our key (serials ${serials}); expected one`, 'the chain');
  }
  return leaf;
}

const serialOf = ({ node }: Candidate): string => node.serialNumber.toLowerCase();

/** Checks that the path ends at the given root, and not because of an invalid signature. */
function checkTop(top: Candidate, certificate: Certificate, pool: readonly Candidate[], roots: readonly Candidate[], faults: Faults): void {
  if (isSelfSigned(top)) return;
  const namesake = namesakeOfIssuer(top, pool);
  if (namesake !== undefined) {
    faults.add('chain-broken', `is not signed by the certificate here that has its issuer's name (serial ${serialOf(namesake)})`, called(certificate));
  } else if (roots.length > 0) faults.add('chain-broken', 'does not lead to the root given, nor to any certificate that does', called(certificate));
}
