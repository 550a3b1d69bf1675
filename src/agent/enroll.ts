import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PUBLIC, SECRET } from '../authority/durable-file.ts';
import { type KeyAlgorithm, type KeyPair, generateKeyPair } from '../authority/keys/generate.ts';
import { openClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import { fetchPinnedRoot } from '../client/pinned-root.ts';
import { parseEnrolmentToken } from '../identity/enrolment-token.ts';
import { encodePem } from '../x509/pem.ts';
import { type AskedNames, buildCertificationRequest, sortNames } from './csr.ts';
import { writeEnrolled } from './enrolled.ts';
import { type Issued, checkIssued } from './issued.ts';
import { exportKey, keyPairFrom, keyTypeOf, readKeyPair } from './key.ts';
import { type Layout, filesBefore, filesFor } from './layout.ts';
import { type Pending, dropPending, keepPending, pendingFile, readPending } from './pending.ts';
import { replaceFiles } from './replace-files.ts';
import { isFinal, settle } from './settle.ts';

export interface EnrollOptions {
  readonly url: URL;
  /** The enrolment token's text. */
  readonly token: string;
  readonly names: readonly string[];
  /** The token's own where absent. */
  readonly profile?: string | undefined;
  readonly folder: string;
  readonly layout: Layout;
  readonly keyType: KeyAlgorithm;
  readonly validity?: string | undefined;
  /** Seconds to wait for an approval. */
  readonly wait: number;
  /** Replace files that are there, and leave an enrolment under way. */
  readonly force: boolean;
  /** Ask for the key that is there, in place of a new one. */
  readonly reuseKey: boolean;
}

export interface Surroundings {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Told what is being done or waited for. */
  readonly onProgress: (what: string) => void;
}

/** A certificate that is in place. Paths of files, the folder included. */
export interface Enrolment extends Issued {
  readonly key: readonly string[];
  readonly certificate: readonly string[];
  readonly ca: string;
}

const LABEL = 'enroll';

/**
 * Makes a key, asks for a certificate, and puts key, certificate and root in place. The key never leaves the node, and the
 * token is sent only to the service whose root it names. Run again after a crash or a wait, it goes on where it was.
 * Throws Failure; ProblemFailure when the service refused.
 */
export async function enroll(options: EnrollOptions, { now, onProgress }: Surroundings): Promise<Enrolment> {
  const { folder, url, layout } = options;
  // 1. Is the question a sensible one?
  const token = parseEnrolmentToken(options.token);
  if (token === undefined) throw new Failure('usage', 'the enrolment token is malformed', { advice: 'expected CHYTKN-1-<root digest>-<id>-<secret>, as \'chancery token create\' printed it' });
  const names = sortNames(options.names);
  // 2. Is it the same as one under way? If there is none, nothing may be in the way of the answer.
  const before = filesBefore(layout, options.profile);
  const underWay = unfinished(options);
  if (underWay === undefined) refuseInTheWay(options, [...before.certificate, ...(options.reuseKey ? [] : before.key)]);
  // 3. Trust: the root that the token names.
  onProgress(`asking ${url.origin} for its root`);
  const root = await fetchPinnedRoot(url, token.rootDigest);
  if (underWay === undefined) refuseOtherRoot(options, root);
  // 4. The key and the CSR are kept before anything is sent.
  onProgress(`making a ${options.keyType} key`);
  const pending = underWay ?? await begin(options, names, join(folder, before.key[0] ?? 'key.pem'));
  const pair = keyPairFrom(pending.key, pendingFile(folder, LABEL));
  // 5. Ask, over a connection that trusts this root alone.
  onProgress(`asking ${url.origin} for the certificate`);
  const issued = checkIssued(await ask(options, root, pending, { now, onProgress }), pair.privateKey, root);
  // 6. All into place; only then is the key's second copy let go.
  const files = filesFor(layout, issued.extendedKeyUsage);
  if (underWay === undefined) refuseInTheWay(options, files.certificate.filter((file) => !before.certificate.includes(file)));
  const inFolder = (file: string): string => join(folder, file);
  replaceFiles([
    ...files.key.map((file) => ({ path: inFolder(file), content: pending.key, mode: SECRET })),
    ...files.certificate.map((file) => ({ path: inFolder(file), content: issued.pem, mode: PUBLIC })),
    { path: inFolder(files.ca), content: root, mode: PUBLIC },
  ]);
  const { validity } = options;
  const keyType = keyTypeOf(pair) ?? options.keyType;
  writeEnrolled(folder, { url: url.href, profile: issued.profile, names: options.names, keyType, ...(validity === undefined ? {} : { validity }), ...files });
  dropPending(folder, LABEL);
  return { ...issued, key: files.key.map(inFolder), certificate: files.certificate.map(inFolder), ca: inFolder(files.ca) };
}

async function ask(options: EnrollOptions, root: string, { csr }: Pending, { now, onProgress }: Surroundings) {
  const client = openClient({ url: options.url, roots: [root], credentials: { kind: 'bearer', secret: options.token } });
  const { profile, validity } = options;
  const question = { csr, ...(profile === undefined ? {} : { profile }), ...(validity === undefined ? {} : { validity }) };
  try {
    return await settle(client, () => client.createRequest(question), { wait: options.wait, now, onWaiting: (what) => onProgress(`waiting for ${what}`) });
  } catch (error) {
    if (isFinal(error)) dropPending(options.folder, LABEL);
    throw error;
  } finally {
    client.close();
  }
}

const questionOf = ({ profile, names, keyType, validity }: EnrollOptions): string =>
  JSON.stringify({ profile, names: [...names].sort(), keyType, validity });

function unfinished(options: EnrollOptions): Pending | undefined {
  const pending = readPending(options.folder, LABEL);
  if (pending === undefined || pending.question === questionOf(options)) return pending;
  if (!options.force) {
    throw new Failure('file', `an enrolment for something else is under way in ${options.folder}: ${pending.question}`, {
      advice: 'end it with the same command as it was begun, or leave it with --force',
    });
  }
  dropPending(options.folder, LABEL);
  return undefined;
}

async function begin(options: EnrollOptions, names: AskedNames, keyFile: string): Promise<Pending> {
  mkdirSync(options.folder, { recursive: true });
  const pair: KeyPair = options.reuseKey ? readKeyPair(keyFile) : await generateKeyPair(options.keyType);
  const csr = encodePem('CERTIFICATE REQUEST', buildCertificationRequest(pair, names));
  return keepPending(options.folder, LABEL, { question: questionOf(options), key: exportKey(pair), csr });
}

function refuseInTheWay({ folder, force }: EnrollOptions, files: readonly string[]): void {
  const found = force ? [] : files.filter((file) => existsSync(join(folder, file)));
  if (found.length > 0) {
    throw new Failure('file', `${found.join(', ')} ${found.length === 1 ? 'is' : 'are'} in ${folder} already`, {
      advice: 'renew with \'chancery renew\', choose another folder with --out, or replace with --force',
    });
  }
}

function refuseOtherRoot({ folder, force, layout }: EnrollOptions, root: string): void {
  const path = join(folder, filesBefore(layout, undefined).ca);
  if (!force && existsSync(path) && readFileSync(path, 'latin1') !== root) {
    throw new Failure('file', `${path} holds other roots than the service's`, { advice: 'choose another folder with --out, or replace it with --force' });
  }
}
