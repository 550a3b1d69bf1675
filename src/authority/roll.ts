import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from '../x509/certificate.ts';
import type { DistinguishedName } from '../x509/distinguished-name.ts';
import { valueOf } from '../x509/extension.ts';
import { decodeAuthorityInformationAccess, decodeBasicConstraints, decodeCrlDistributionPoints } from '../x509/extensions.ts';
import { decodeNameConstraints } from '../x509/name-constraints.ts';
import { OID } from '../x509/oids.ts';
import { encodePem } from '../x509/pem.ts';
import type { Authority, LoadedAuthorities } from './authority.ts';
import { type CaRights, rightsExtensions } from './ca-extensions.ts';
import { asideIn, makeFolder, PUBLIC, renameDurably, sweepAside, writeDurably } from './durable-file.ts';
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
  /** When the new authority starts to issue, seconds since the epoch. */
  readonly from: number;
  /** Default: that of the present authority; the same applies to the names below. */
  readonly algorithm?: AuthorityAlgorithm | undefined;
  /** RFC 4514 text. */
  readonly subject?: string | undefined;
  /** Seconds. */
  readonly lifetime?: number | undefined;
  /** Create a CSR for the holder of the root's key, even if that key is here. */
  readonly request?: boolean | undefined;
  /** Only in `self-signed` mode: confirms that a new trust anchor is intended. */
  readonly force?: boolean | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
  /** Returns that many bytes from a CSPRNG. */
  readonly random: (size: number) => Uint8Array;
}

/** A prepared successor authority. Nothing of it is in place before `put`. */
export interface PreparedRoll {
  readonly name: string;
  readonly follows: string;
  readonly folder: string;
  /** Seconds since the epoch. */
  readonly from: number;
  /** Absent if another CA has to sign `request` first. */
  readonly certificate?: Certificate;
  /** The file to be signed. */
  readonly request?: string;
  /** Puts everything in place by a single rename. */
  readonly put: () => void;
  readonly forget: () => void;
}

/**
 * Creates the key of the present authority's successor, and its certificate signed by the root, or the CSR for it. It inherits the present one's path
 * length, name constraints and addresses.
 * @throws AuthorityError `roll-pending`, `roll-refused`, `option-wrong`, `ceremony-unverified`
 */
export async function prepareRoll(authorities: LoadedAuthorities, options: RollOptions): Promise<PreparedRoll> {
  const { data, now, passphrase } = options;
  const from = Math.max(options.from, now);
  const { issuing } = authorities;
  refuseSecondRoll(data, authorities);
  const subject = options.subject === undefined ? nextGeneration(issuing.certificate.subjectName) : parseSubject(options.subject, 'subject');
  refuseSameName(subject, authorities);
  const name = freeName(data, issuing.name);
  const made = await make({ name, subject, algorithm: options.algorithm ?? algorithmOf(issuing), rights: rightsOf(issuing.certificate) }, authorities, options);
  sweepAside(authoritiesFolder(data));
  const aside = asideIn(authoritiesFolder(data));
  const forget = (): void => rmSync(aside, { recursive: true, force: true });
  try {
    write(aside, made, issuing, passphrase);
    writeRoll(join(aside, ROLL), { follows: issuing.name, ...(made.certificate === undefined ? {} : { from }) });
  } catch (error) {
    forget();
    throw error;
  }
  const there = authorityFiles(data, name);
  return {
    name, from, follows: issuing.name, folder: there.folder, forget,
    ...(made.certificate === undefined ? { request: there.request } : { certificate: made.certificate }),
    put: () => renameDurably(aside, there.folder),
  };
}

function write(folder: string, { pair, request, certificate }: MadeAuthority, { chain }: Authority, passphrase: string | undefined): void {
  const files = filesIn(folder);
  makeFolder(folder);
  writeKeyFile(files.key, pair.privateKey, passphrase);
  if (request !== undefined) writeDurably(files.request, encodePem('CERTIFICATE REQUEST', request), PUBLIC);
  if (certificate === undefined) return;
  writeCertificates(files.certificate, [certificate.der]);
  writeCertificates(files.chain, chain);
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
      refuse('roll-refused', 'is self-signed: a new one is another trust anchor, which everyone who trusts this one must get first (--force does it nevertheless)', issuing.name);
    }
    return makeCertified({ ...wanted, lifetime: life }, { now, random });
  }
  if (mode === 'external' || request === true || root.signingKey === undefined || issuing.chain.length > 0) {
    if (request !== true) refuse('roll-refused', 'is certified by a key that is not here; --request makes the CSR for the holder of that key', issuing.name);
    const pair = await generateKeyPair(wanted.algorithm);
    return { name: wanted.name, pair, request: certificationRequest(pair, wanted.subject, rightsExtensions(wanted.rights)) };
  }
  const left = root.certificate.notAfter - now + 1;
  if (left <= 0) refuse('roll-refused', 'has ended, and nothing that it signs is good: make a new root, in a data folder of its own, and have it trusted', 'root');
  if (lifetime !== undefined && lifetime > left) refuse('option-wrong', `is longer than what is left of the root's, ${Math.floor(left / 86_400)} days`, 'lifetime');
  const { certificate } = issuing;
  return makeCertified({ ...wanted, lifetime: Math.min(life, left) }, { now, random }, {
    certificate: root.certificate, signer: root.signingKey,
    crlUrls: valueOf(certificate, OID.cRLDistributionPoints, decodeCrlDistributionPoints) ?? [],
    access: valueOf(certificate, OID.authorityInformationAccess, decodeAuthorityInformationAccess) ?? { issuers: [], ocsp: [] },
  });
}

/** Only one roll at a time: with two candidates for the same place, replicas could not agree. */
function refuseSecondRoll(data: string, { issuing, succession }: LoadedAuthorities): void {
  const next = succession[succession.findIndex(({ name }) => name === issuing.name) + 1];
  if (next !== undefined) refuse('roll-pending', `is followed by ${next.name} already, from ${new Date(next.from * 1000).toISOString()} on`, issuing.name);
  const waiting = authorityNames(data).find((name) => !existsSync(authorityFiles(data, name).certificate) && readRoll(data, name)?.follows === issuing.name);
  if (waiting !== undefined) refuse('roll-pending', `is to be followed by ${waiting}, which waits for its certificate: take that with 'chancery authority import ${waiting} FILE', or remove ${authorityFiles(data, waiting).folder}`, issuing.name);
}

/** Two CAs with the same name are indistinguishable to anyone looking up a CRL by issuer (RFC 5280 5.1.2.3). */
function refuseSameName(subject: DistinguishedName, { all }: LoadedAuthorities): void {
  const alike = all.find(({ certificate }) => JSON.stringify(certificate.subjectName) === JSON.stringify(subject));
  if (alike !== undefined) refuse('option-wrong', `is the name of ${alike.name}; expected another one`, 'subject');
}

/** `Example Issuing CA` is followed by `Example Issuing CA G2`, then `… G3`. */
function nextGeneration(subject: DistinguishedName): DistinguishedName {
  const last = subject.findLastIndex(({ type }) => type === OID.commonName);
  if (last < 0) return [...subject, { type: OID.commonName, value: 'G2' }];
  return subject.map((part, at) => {
    if (at !== last) return part;
    const [, base = part.value, generation = '1'] = /^(.*?)(?: G([0-9]{1,4}))?$/s.exec(part.value) ?? [];
    return { ...part, value: `${base} G${Number(generation) + 1}` };
  });
}

/** `issuing` is followed by `issuing-2`, then `issuing-3`, so that addresses already in use remain valid. */
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
