import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from '../x509/certificate.ts';
import type { DistinguishedName } from '../x509/distinguished-name.ts';
import { valueOf } from '../x509/extension-value.ts';
import { decodeAuthorityInformationAccess, decodeBasicConstraints, decodeCrlDistributionPoints } from '../x509/extensions.ts';
import { decodeNameConstraints } from '../x509/name-constraints.ts';
import { OID } from '../x509/oids.ts';
import { encodePem } from '../x509/pem.ts';
import type { Authority, LoadedAuthorities } from './authority.ts';
import { type CaRights, rightsExtensions } from './ca-extensions.ts';
import { makeFolder, PUBLIC, renameDurably, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';
import { certificationRequest } from './keys/certification-request.ts';
import { generateKeyPair } from './keys/generate.ts';
import { writeKeyFile } from './keys/key-file.ts';
import { authoritiesFolder, authorityFiles, filesIn, ROLL } from './layout.ts';
import { type MadeAuthority, makeCertified } from './make-authorities.ts';
import { AUTHORITY_ALGORITHMS, type AuthorityAlgorithm } from './options.ts';
import { writeCertificates } from './pem-files.ts';
import { parseSubject } from './subject.ts';
import { authorityNames, readRoll, writeRoll } from './succession.ts';

export interface RollOptions {
  readonly data: string;
  readonly passphrase?: string | undefined;
  /** When the new authority begins to issue, seconds since the epoch. */
  readonly from: number;
  /** As the present one's where absent; so are the names below. */
  readonly algorithm?: AuthorityAlgorithm | undefined;
  /** RFC 4514 text. */
  readonly subject?: string | undefined;
  /** Seconds. */
  readonly lifetime?: number | undefined;
  /** A CSR for whoever holds the root's key, also where it is here. */
  readonly request?: boolean | undefined;
  /** In mode `self-signed`: that a new trust anchor comes of it is meant. */
  readonly force?: boolean | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
  /** So many bytes of a CSPRNG. */
  readonly random: (size: number) => Uint8Array;
}

/** An authority that will take another's place. Nothing of it is there before `put`. */
export interface PreparedRoll {
  readonly name: string;
  readonly follows: string;
  readonly folder: string;
  /** Seconds since the epoch. */
  readonly from: number;
  /** Absent where another CA must sign `request` first. */
  readonly certificate?: Certificate;
  /** The file that has to be signed. */
  readonly request?: string;
  /** All of it, by one rename. */
  readonly put: () => void;
  readonly forget: () => void;
}

/** Left of a roll that was cut short: names no authority can have. */
const ASIDE = '.roll-';

/**
 * Makes the key of the authority that takes the place of the present one, and its certificate, signed by the root, or the CSR for it. It
 * has the rights of the present one: path length, name constraints and addresses.
 * @throws AuthorityError `roll-pending`, `roll-refused`, `option-wrong`, `ceremony-unverified`
 */
export async function prepareRoll(authorities: LoadedAuthorities, options: RollOptions): Promise<PreparedRoll> {
  const { data, random, now, passphrase } = options;
  const from = Math.max(options.from, now);
  const { issuing } = authorities;
  refuseSecondRoll(data, authorities);
  const subject = options.subject === undefined ? nextGeneration(issuing.certificate.subjectName) : parseSubject(options.subject, 'subject');
  refuseSameName(subject, authorities);
  const name = freeName(data, issuing.name);
  const made = await make({ name, subject, algorithm: options.algorithm ?? algorithmOf(issuing), rights: rightsOf(issuing.certificate) }, authorities, options);
  const aside = join(authoritiesFolder(data), `${ASIDE}${Buffer.from(random(8)).toString('hex')}`);
  const forget = (): void => rmSync(aside, { recursive: true, force: true });
  for (const left of readdirSync(authoritiesFolder(data)).filter((entry) => entry.startsWith(ASIDE))) rmSync(join(authoritiesFolder(data), left), { recursive: true, force: true });
  const files = filesIn(aside);
  makeFolder(aside);
  writeKeyFile(files.key, made.pair.privateKey, passphrase);
  if (made.request !== undefined) writeDurably(files.request, encodePem('CERTIFICATE REQUEST', made.request), PUBLIC);
  if (made.certificate !== undefined) {
    writeCertificates(files.certificate, [made.certificate.der]);
    writeCertificates(files.chain, issuing.chain);
  }
  writeRoll(join(aside, ROLL), { follows: issuing.name, ...(made.certificate === undefined ? {} : { from }) });
  const there = authorityFiles(data, name);
  return {
    name, from, follows: issuing.name, folder: there.folder, forget,
    ...(made.certificate === undefined ? { request: there.request } : { certificate: made.certificate }),
    put: () => renameDurably(aside, there.folder),
  };
}

interface Wanted {
  readonly name: string;
  readonly subject: DistinguishedName;
  readonly algorithm: AuthorityAlgorithm;
  readonly rights: CaRights;
}

async function make(wanted: Wanted, { mode, issuing, root }: LoadedAuthorities, { now, random, lifetime, request, force }: RollOptions): Promise<MadeAuthority> {
  const { notBefore, notAfter } = issuing.certificate;
  const life = lifetime ?? notAfter - notBefore + 1;
  if (mode === 'self-signed') {
    if (force !== true) {
      refuse('roll-refused', 'signed itself: a new one is another trust anchor, which everybody who trusts this one must be given first (--force does it nevertheless)', issuing.name);
    }
    return makeCertified({ ...wanted, lifetime: life }, { now, random });
  }
  if (mode === 'external' || request === true || root.signingKey === undefined || issuing.chain.length > 0) {
    if (request !== true) refuse('roll-refused', 'has its certificate from a key that is not here; --request makes the CSR for whoever holds it', issuing.name);
    const pair = await generateKeyPair(wanted.algorithm);
    return { name: wanted.name, pair, request: certificationRequest(pair, wanted.subject, rightsExtensions(wanted.rights)) };
  }
  const left = root.certificate.notAfter - now + 1;
  if (lifetime !== undefined && lifetime > left) refuse('option-wrong', `is longer than what is left of the root's, ${Math.floor(left / 86_400)} days`, 'lifetime');
  const { certificate } = issuing;
  return makeCertified({ ...wanted, lifetime: Math.min(life, left) }, { now, random }, {
    certificate: root.certificate, signer: root.signingKey,
    crlUrls: valueOf(certificate, OID.cRLDistributionPoints, decodeCrlDistributionPoints) ?? [],
    access: valueOf(certificate, OID.authorityInformationAccess, decodeAuthorityInformationAccess) ?? { issuers: [], ocsp: [] },
  });
}

/** One roll after the other: two authorities that wait for the same place would be a riddle for every replica. */
function refuseSecondRoll(data: string, { issuing, succession }: LoadedAuthorities): void {
  const next = succession[succession.findIndex(({ name }) => name === issuing.name) + 1];
  if (next !== undefined) refuse('roll-pending', `is followed by ${next.name} already, from ${new Date(next.from * 1000).toISOString()} on`, issuing.name);
  const waiting = authorityNames(data).find((name) => !existsSync(authorityFiles(data, name).certificate) && readRoll(data, name)?.follows === issuing.name);
  if (waiting !== undefined) refuse('roll-pending', `is to be followed by ${waiting}, which waits for its certificate: take that with 'chancery authority import ${waiting} FILE', or remove ${authorityFiles(data, waiting).folder}`, issuing.name);
}

/** Two CAs of one name are one to whoever looks for a CRL by its issuer (RFC 5280 5.1.2.3). */
function refuseSameName(subject: DistinguishedName, { all }: LoadedAuthorities): void {
  const alike = all.find(({ certificate }) => JSON.stringify(certificate.subjectName) === JSON.stringify(subject));
  if (alike !== undefined) refuse('option-wrong', `is the name of ${alike.name}; expected another one`, 'subject');
}

/** `Example Issuing CA`, then `Example Issuing CA G2`, then `… G3`. */
function nextGeneration(subject: DistinguishedName): DistinguishedName {
  const last = subject.findLastIndex(({ type }) => type === OID.commonName);
  if (last < 0) return [...subject, { type: OID.commonName, value: 'G2' }];
  return subject.map((part, at) => {
    if (at !== last) return part;
    const [, base = part.value, generation = '1'] = /^(.*?)(?: G([0-9]{1,4}))?$/s.exec(part.value) ?? [];
    return { ...part, value: `${base} G${Number(generation) + 1}` };
  });
}

/** `issuing`, then `issuing-2`, then `issuing-3`: what others have in their addresses stays what it is. */
function freeName(data: string, name: string): string {
  const [, base = name, generation = '1'] = /^(.*?)(?:-([0-9]{1,4}))?$/.exec(name) ?? [];
  const taken = new Set(authorityNames(data));
  let next = Number(generation) + 1;
  while (taken.has(`${base}-${next}`)) next += 1;
  return `${base}-${next}`;
}

function algorithmOf({ name, certificate: { publicKey } }: Authority): AuthorityAlgorithm {
  const algorithm = publicKey.type === 'RSA' ? `RSA-${publicKey.bits}` : publicKey.type;
  return AUTHORITY_ALGORITHMS.find((one) => one === algorithm) ?? refuse('option-wrong', `must be given: keys like that of ${name} (${algorithm}) are not made here`, 'algorithm');
}

function rightsOf(certificate: Certificate): CaRights {
  return {
    pathLength: valueOf(certificate, OID.basicConstraints, decodeBasicConstraints)?.pathLength,
    constraints: valueOf(certificate, OID.nameConstraints, decodeNameConstraints),
  };
}
