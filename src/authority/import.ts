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
  /** What the other CA gave out: PEM in any order, PKCS#7, or one DER certificate. */
  readonly chain: Uint8Array;
  /** Its root, in the same forms, where the chain does not hold it. */
  readonly root?: Uint8Array | undefined;
  /** Seconds since the epoch. */
  readonly clock: () => number;
  /** The authority whose request it was, where that is to take the issuing one's place, and since when: seconds since the epoch. */
  readonly rolled?: { readonly name: string; readonly from: number } | undefined;
}

export interface ImportResult {
  readonly certificate: Certificate;
  /** DER, from its issuer up, the root left out. */
  readonly chain: readonly Uint8Array[];
  /** The trust anchor, DER, and its SHA-256, lower-case hex. */
  readonly root: Uint8Array;
  readonly rootDigest: string;
  /** False where the way up ended before a root: then the last certificate found is trusted in its place. */
  readonly endsInRoot: boolean;
  /** What an operator should know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Checks and installs what another CA made of `request.csr`; again for a renewal with the same key.
 * Nothing is changed unless all of it holds.
 * @throws AuthorityError `not-initialised`, `import-unexpected`, those of the key file, or every fault of the chain
 */
export async function importChain({ data, passphrase, chain, root, clock, rolled }: ImportOptions): Promise<ImportResult> {
  const now = clock();
  const name = rolled?.name ?? ISSUING;
  const installed = openInstalled(data, name);
  const key = readKeyFile(authorityFiles(data, name).key, `authorities/${name}/key.pem`, passphrase);
  const ourKey = createPublicKey(key).export({ type: 'spki', format: 'der' });

  // 1. All certificates at hand: the file's, the root given, those installed before.
  const given = readBag(chain, 'the chain');
  const roots = root === undefined ? [] : readBag(root, 'the root').filter(isSelfSigned);
  if (root !== undefined && roots.length === 0) refuse('import-unreadable', 'holds no certificate that signed itself', 'the root');
  const pool = [...given, ...roots, ...installed.all];

  // 2. The one of our key, and the way up from it.
  const leaf = findLeaf(given, ourKey);
  const way = buildPath(leaf, roots.length === 0 ? pool : [...roots, ...pool.filter((one) => !isSelfSigned(one))], now);
  const top = way.at(-1) as Candidate;

  // 3. By our own strict reader, every rule.
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

  // 4. In place, all or nothing.
  const endsInRoot = isSelfSigned(top);
  const notes = notesOn(path, { endsInRoot, formerRoot: installed.root });
  if (rolled === undefined) installPath(data, way.map(({ der }) => der));
  else installRolled(data, rolled, way.map(({ der }) => der));
  return {
    certificate, endsInRoot, notes,
    chain: way.slice(1, -1).map(({ der }) => der),
    root: top.der,
    rootDigest: createHash('sha256').update(top.der).digest('hex'),
  };
}

interface Installed {
  readonly certificate: Certificate | undefined;
  readonly root: Uint8Array | undefined;
  readonly all: readonly Candidate[];
}

/** What was imported before, if anything. @throws AuthorityError where nobody waits for an import */
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

/** Those that node:crypto can read. The others may be no part of the way up, so they are no fault by themselves. */
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

/** The way up must end where it was told to end, and not for a signature that does not hold. */
function checkTop(top: Candidate, certificate: Certificate, pool: readonly Candidate[], roots: readonly Candidate[], faults: Faults): void {
  if (isSelfSigned(top)) return;
  const namesake = namesakeOfIssuer(top, pool);
  if (namesake !== undefined) {
    faults.add('chain-broken', `is not signed by the certificate here that has its issuer's name (serial ${serialOf(namesake)})`, called(certificate));
  } else if (roots.length > 0) faults.add('chain-broken', 'does not lead to the root given, nor to any certificate that does', called(certificate));
}
