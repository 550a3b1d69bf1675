import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type KeyAlgorithm, type KeyPair, generateKeyPair } from '../authority/keys/generate.ts';
import { openClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import { fetchPinnedRoot } from '../client/pinned-root.ts';
import { ProblemFailure } from '../client/problem.ts';
import { parseEnrolmentToken } from '../identity/enrolment-token.ts';
import { encodePem } from '../x509/pem.ts';
import { bundleFiles, dockerHostBeside } from './bundle.ts';
import { type AskedNames, buildCertificationRequest, sortNames } from './csr.ts';
import { writeEnrolled } from './enrolled.ts';
import { type Issued, checkIssued } from './issued.ts';
import { exportKey, keyPairFrom, keyTypeOf, readKeyPair } from './key.ts';
import { type Layout, type LayoutFiles, filesBefore, filesFor, modesOf, profilesFor } from './layout.ts';
import { type Pending, dropPending, keepPending, pendingFile, pendingLabels, readPending } from './pending.ts';
import { replaceFiles } from './replace-files.ts';
import { isFinal, settle } from './settle.ts';

export interface EnrollOptions {
  readonly url: URL;
  /** The text of an enrolment token, or how to earn one. */
  readonly token: string | EarnedToken;
  readonly names: readonly string[];
  /** The token's profile if absent. */
  readonly profile?: string | undefined;
  readonly folder: string;
  readonly layout: Layout;
  /** `tcp://host:port` of the Engine, for a bundle; if absent, the Engine on the service's host. */
  readonly dockerHost?: string | undefined;
  readonly keyType: KeyAlgorithm;
  readonly validity?: string | undefined;
  /** Seconds to wait for an approval. */
  readonly wait: number;
  /** Replace existing files, and abandon an enrolment under way. */
  readonly force: boolean;
  /** Certify the existing key instead of a new one. */
  readonly reuseKey: boolean;
  /** Whether a command follows, which is then owed until `commandDone`. */
  readonly commandFollows?: boolean;
}

/** A token bound to the key of a CSR, obtained once the CSR exists. */
export interface EarnedToken {
  /** SHA-256 of the service's root certificate, hex. */
  readonly rootDigest: string;
  /** @param root the only trusted root, PEM */
  readonly earn: (root: string, csr: string) => Promise<string>;
}

export interface Surroundings {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Reports what is being done or waited for. */
  readonly onProgress: (what: string) => void;
}

/** A certificate that has been installed. Paths of files include the folder. */
export interface Enrolment extends Issued {
  readonly key: readonly string[];
  readonly certificate: readonly string[];
  readonly ca: string;
}

const LABEL = 'enroll';

/** One certificate of an enrolment: its profile, and the label under which its state is kept. */
interface Part {
  readonly profile: string | undefined;
  readonly label: string;
}

/**
 * Generates a key, requests a certificate, and installs key, certificate and root. The key never leaves the node, and the token is sent only
 * to the service whose root it names. Run again after a crash or a wait, it resumes where it stopped. With a token for several profiles and
 * none chosen, it does so for each profile that the layout has a place for.
 * Throws Failure; ProblemFailure if the service refuses.
 */
export async function enroll(options: EnrollOptions, surroundings: Surroundings): Promise<readonly Enrolment[]> {
  const missing = missingFolders(options.folder);
  try {
    return await enrollProfiles(options, surroundings);
  } catch (error) {
    removeEmpty(missing);
    throw error;
  }
}

async function enrollProfiles(options: EnrollOptions, surroundings: Surroundings): Promise<readonly Enrolment[]> {
  const { profile, layout } = options;
  const profiles = profile === undefined ? profilesUnderWay(options) : undefined;
  if (profiles !== undefined) return enrollParts(options, partsOf(profiles), surroundings);
  try {
    return await enrollParts(options, [{ profile, label: LABEL }], surroundings);
  } catch (error) {
    const offered = offeredBy(error);
    if (profile !== undefined || offered === undefined) throw error;
    const wanted = profilesFor(layout, offered);
    const [only] = wanted;
    return wanted.length === 1 && only !== undefined ? enrollProfiles({ ...options, profile: only }, surroundings) : enrollParts(options, partsOf(wanted), surroundings);
  }
}

/** The folders to create, innermost first. */
function missingFolders(folder: string): readonly string[] {
  const missing: string[] = [];
  for (let at = folder; !existsSync(at); at = dirname(at)) missing.push(at);
  return missing;
}

/** A refusal leaves nothing behind that was not there before. Folders that are not empty stay: an enrolment may be under way in them. */
function removeEmpty(folders: readonly string[]): void {
  try {
    for (const folder of folders.filter((one) => existsSync(one))) rmdirSync(folder);
  } catch {
    // Not empty, or already removed.
  }
}

const partsOf = (profiles: readonly string[]): Part[] => profiles.map((profile) => ({ profile, label: `${LABEL}-${profile}` }));

/** The profiles of a token, if the service asks to choose one. */
const offeredBy = (error: unknown): readonly string[] | undefined =>
  (error instanceof ProblemFailure && error.problemCode === 'profile-missing' ? error.problem.errors.map(({ detail }) => detail) : undefined);

async function enrollParts(whole: EnrollOptions, parts: readonly Part[], { now, onProgress }: Surroundings): Promise<readonly Enrolment[]> {
  const { folder, url, layout } = whole;
  // 1. Check the request.
  const token = typeof whole.token === 'string' ? parseEnrolmentToken(whole.token) : whole.token;
  if (token === undefined) throw new Failure('usage', 'the enrolment token is malformed', { advice: 'expected CHYTKN-1-<root digest>-<id>-<secret>, as \'chancery token create\' printed it' });
  const names = sortNames(whole.names);
  // 2. Resume the same request if it is under way; otherwise nothing may be in the way of the answer.
  const all = parts.map(({ profile, label }) => {
    const options = { ...whole, profile };
    const before = filesBefore(layout, profile);
    const question = questionOf(options, parts);
    const underWay = unfinished(options, label, question);
    if (underWay === undefined) refuseInTheWay(options, [...before.certificate, ...(options.reuseKey ? [] : before.key)]);
    return { options, label, question, before, underWay };
  });
  // 3. Trust the root that the token names.
  onProgress(`asking ${url.origin} for its root`);
  const root = await fetchPinnedRoot(url, token.rootDigest);
  if (all.some(({ underWay }) => underWay === undefined)) refuseOtherRoot(whole, root);
  // 4. Save the keys and CSRs before sending anything.
  onProgress(`making a ${whole.keyType} key`);
  const asking = [];
  for (const { options, label, question, before, underWay } of all) {
    const pending = underWay ?? await begin(options, names, { label, question, keyFile: join(folder, before.key[0] ?? 'key.pem') });
    asking.push({ options, label, before, pending, resumed: underWay !== undefined, pair: keyPairFrom(pending.key, pendingFile(folder, label)) });
  }
  // 5. Request the certificates over a connection that trusts this root alone.
  onProgress(`asking ${url.origin} for the certificate`);
  const placed = [];
  for (const { options, label, before, pending, resumed, pair } of asking) {
    const issued = checkIssued(await ask(options, { root, label, pending }, { now, onProgress }), pair.privateKey, root);
    const files = filesFor(layout, issued.extendedKeyUsage);
    if (!resumed) refuseInTheWay(options, files.certificate.filter((file) => !before.certificate.includes(file)));
    refuseSamePlace(issued.profile, files, placed);
    placed.push({ issued, files, pending, keyType: keyTypeOf(pair) ?? whole.keyType });
  }
  // 6. Install everything, and only then delete the second copies of the keys.
  const inFolder = (file: string): string => join(folder, file);
  const modes = modesOf(layout);
  replaceFiles([
    ...placed.flatMap(({ issued, files, pending }) => [
      ...files.key.map((file) => ({ path: inFolder(file), content: pending.key, mode: modes.key })),
      ...files.certificate.map((file) => ({ path: inFolder(file), content: issued.pem, mode: modes.certificate })),
    ]),
    { path: inFolder(filesBefore(layout, undefined).ca), content: root, mode: modes.certificate },
    ...(layout === 'bundle' ? bundleFiles(folder, whole.dockerHost ?? dockerHostBeside(url)) : []),
  ]);
  const { validity, commandFollows } = whole;
  writeEnrolled(folder, placed.map(({ issued, files, keyType }) => ({
    url: url.href, profile: issued.profile, names: whole.names, keyType, ...(validity === undefined ? {} : { validity }), ...files, ...(commandFollows === true ? { commandDue: true } : {}),
  })));
  for (const { label } of all) dropPending(folder, label);
  return placed.map(({ issued, files }) => ({ ...issued, key: files.key.map(inFolder), certificate: files.certificate.map(inFolder), ca: inFolder(files.ca) }));
}

interface Question {
  readonly root: string;
  readonly label: string;
  readonly pending: Pending;
}

async function ask(options: EnrollOptions, { root, label, pending: { csr } }: Question, { now, onProgress }: Surroundings) {
  const { profile, validity, token } = options;
  const secret = typeof token === 'string' ? token : await token.earn(root, csr);
  const client = openClient({ url: options.url, roots: [root], credentials: { kind: 'bearer', secret } });
  const question = { csr, ...(profile === undefined ? {} : { profile }), ...(validity === undefined ? {} : { validity }) };
  try {
    return await settle(client, () => client.createRequest(question), { wait: options.wait, now, onWaiting: (what) => onProgress(`waiting for ${what}`) });
  } catch (error) {
    if (isFinal(error)) dropPending(options.folder, label);
    throw error;
  } finally {
    client.close();
  }
}

/** With several certificates, each is kept with the profiles of all, so that resuming one finds the others. */
const questionOf = ({ profile, names, keyType, validity }: EnrollOptions, parts: readonly Part[]): string =>
  JSON.stringify({ profile, ...(parts.length === 1 ? {} : { profiles: parts.map((part) => part.profile) }), names: [...names].sort(), keyType, validity });

function profilesUnderWay({ folder }: EnrollOptions): readonly string[] | undefined {
  const labels = pendingLabels(folder).filter((label) => label.startsWith(`${LABEL}-`));
  const [question] = labels.flatMap((label) => readPending(folder, label)?.question ?? []);
  return question === undefined ? undefined : (JSON.parse(question) as { profiles?: string[] }).profiles;
}

function unfinished({ folder, force }: EnrollOptions, label: string, question: string): Pending | undefined {
  const pending = readPending(folder, label);
  if (pending === undefined || pending.question === question) return pending;
  if (!force) {
    throw new Failure('file', `an enrolment for something else is under way in ${folder}: ${pending.question}`, {
      advice: 'finish it with the command that began it, or abandon it with --force',
    });
  }
  dropPending(folder, label);
  return undefined;
}

interface Beginning {
  readonly label: string;
  readonly question: string;
  readonly keyFile: string;
}

async function begin(options: EnrollOptions, names: AskedNames, { label, question, keyFile }: Beginning): Promise<Pending> {
  // One at a time: with `recursive`, Node reports ENOENT for a read-only file system.
  for (const folder of [...missingFolders(options.folder)].reverse()) mkdirSync(folder);
  const pair: KeyPair = options.reuseKey ? readKeyPair(keyFile) : await generateKeyPair(options.keyType);
  const csr = encodePem('CERTIFICATE REQUEST', buildCertificationRequest(pair, names));
  return keepPending(options.folder, label, { question, key: exportKey(pair), csr });
}

function refuseInTheWay({ folder, force }: EnrollOptions, files: readonly string[]): void {
  const found = force ? [] : files.filter((file) => existsSync(join(folder, file)));
  if (found.length > 0) {
    throw new Failure('file', `${found.join(', ')} ${found.length === 1 ? 'is' : 'are'} in ${folder} already`, {
      advice: 'renew with \'chancery renew\', choose another folder with --out, or replace with --force',
    });
  }
}

function refuseSamePlace(profile: string, { certificate }: LayoutFiles, placed: readonly { readonly issued: Issued; readonly files: LayoutFiles }[]): void {
  const other = placed.find(({ files }) => files.certificate.some((file) => certificate.includes(file)));
  if (other !== undefined) {
    throw new Failure('usage', `the profiles ${other.issued.profile} and ${profile} yield certificates for the same file, ${certificate.join(', ')}`, {
      advice: 'say with --profile which of them is wanted',
    });
  }
}

function refuseOtherRoot({ folder, force, layout }: EnrollOptions, root: string): void {
  const path = join(folder, filesBefore(layout, undefined).ca);
  if (!force && existsSync(path) && readFileSync(path, 'latin1') !== root) {
    throw new Failure('file', `${path} holds roots other than the service's`, { advice: 'choose another folder with --out, or replace it with --force' });
  }
}
