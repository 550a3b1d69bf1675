import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PUBLIC, SECRET } from '../authority/durable-file.ts';
import { generateKeyPair } from '../authority/keys/generate.ts';
import type { ChanceryClient, ClientOptions } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import type { RequestReply } from '../client/replies.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { X509Error } from '../x509/errors.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { buildCertificationRequest, namesOf } from './csr.ts';
import type { Surroundings } from './enroll.ts';
import { type Enrolled, writeEnrolled } from './enrolled.ts';
import { type Issued, checkIssued } from './issued.ts';
import { exportKey, keyPairFrom, readKeyPair } from './key.ts';
import { type Pending, dropPending, keepAnswer, keepPending, pendingFile, readPending } from './pending.ts';
import { replaceFiles } from './replace-files.ts';
import { isFinal, settle } from './settle.ts';

/** The calls a node makes. */
export type NodeClient = Pick<ChanceryClient, 'url' | 'renew' | 'getRequest' | 'renewalInfo' | 'close'>;
export type Connect = (options: ClientOptions) => NodeClient;

export interface RenewalOptions {
  readonly folder: string;
  /** Overrides the address used for enrolment. */
  readonly url?: URL | undefined;
  readonly reuseKey: boolean;
  /** Seconds to wait for an approval. */
  readonly wait: number;
  /** Whether a command follows, which is then owed until `commandDone`. */
  readonly commandFollows: boolean;
}

/** An enrolled certificate as found on disk. Times in milliseconds since the Unix epoch. */
export interface Present {
  /** The path of its file. */
  readonly path: string;
  /** The label under which its renewal is kept while under way. */
  readonly label: string;
  /** The certificate with its issuers. */
  readonly pem: string;
  readonly der: Uint8Array;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Throws Failure `file`. */
export function readPresent(folder: string, enrolled: Enrolled): Present {
  const [file = 'cert.pem'] = enrolled.certificate;
  const path = join(folder, file);
  const pem = readFileSync(path, 'latin1');
  const { der, serial, notBefore, notAfter } = parse(pem, path);
  return { path, label: file.replace(/\.pem$/, ''), pem, der, serial, notBefore: notBefore * 1000, notAfter: notAfter * 1000 };
}

/**
 * The renewal under way for the certificate present. A renewal that was begun for another certificate is not resumed: if this one has since
 * been installed, by another enrolment or by hand, the old reply would overwrite it.
 */
export function renewalUnderWay(folder: string, { label, serial, der }: Present): Pending | undefined {
  const pending = readPending(folder, label);
  if (pending === undefined || pending.question === questionFor(serial) || isAnswer(pending, der)) return pending;
  dropPending(folder, label);
  return undefined;
}

const questionFor = (serial: string): string => `renewal of ${serial}`;

/** Whether the reply has been installed already, at least in the first of its files. */
function isAnswer({ answer }: Pending, der: Uint8Array): boolean {
  try {
    return answer?.certificate !== undefined && equalBytes(decodePem(answer.certificate, 'CERTIFICATE')[0] ?? new Uint8Array(), der);
  } catch (error) {
    if (error instanceof X509Error) return false;
    throw error;
  }
}

/**
 * Obtains the next certificate and installs it. A renewal already begun is resumed with the same key and CSR.
 *
 * Order of the files: the reply is saved in the journal; key and certificate are written beside the old ones and synced, then renamed, key
 * first, one right after the other. A reader between the two renames finds a new key with an old certificate; a program that cannot cope
 * with that should read the files after the command that follows. A crash between the renames is repaired from the journal, without asking
 * again.
 *
 * Throws Failure; ProblemFailure if the service refused.
 */
export async function renewCertificate(options: RenewalOptions, enrolled: Enrolled, present: Present, surroundings: Surroundings, connect: Connect): Promise<Issued> {
  const { folder } = options;
  const { label } = present;
  const { pending, privateKey } = await goOnOrBegin(options, enrolled, present);
  const root = readFileSync(join(folder, enrolled.ca), 'latin1');
  const answer = pending.answer ?? await ask(options, enrolled, present, { pending, root, connect }, surroundings);
  const issued = checkIssued(answer, privateKey, root);
  keepAnswer(folder, label, pending, answer);
  replaceFiles([
    ...enrolled.key.map((file) => ({ path: join(folder, file), content: pending.key, mode: SECRET })),
    ...enrolled.certificate.map((file) => ({ path: join(folder, file), content: issued.pem, mode: PUBLIC })),
  ]);
  if (options.commandFollows || enrolled.renewed !== true) writeEnrolled(folder, [{ ...enrolled, renewed: true, ...(options.commandFollows ? { commandDue: true } : {}) }]);
  dropPending(folder, label);
  return issued;
}

/** The renewal under way with its key, or a new one. */
async function goOnOrBegin({ folder, reuseKey }: RenewalOptions, enrolled: Enrolled, present: Present): Promise<{ readonly pending: Pending; readonly privateKey: KeyObject }> {
  const { label, der, serial } = present;
  const underWay = renewalUnderWay(folder, present);
  if (underWay !== undefined) return { pending: underWay, privateKey: keyPairFrom(underWay.key, pendingFile(folder, label)).privateKey };
  const pair = reuseKey ? readKeyPair(join(folder, enrolled.key[0] ?? 'key.pem')) : await generateKeyPair(enrolled.keyType);
  const key = exportKey(pair);
  const csr = encodePem('CERTIFICATE REQUEST', buildCertificationRequest(pair, namesOf(der)));
  const pending = keepPending(folder, label, { question: questionFor(serial), key, csr });
  // Another process may have started at the same moment; then its key is used.
  return { pending, privateKey: pending.key === key ? pair.privateKey : keyPairFrom(pending.key, pendingFile(folder, label)).privateKey };
}

interface Question {
  readonly pending: Pending;
  /** PEM. */
  readonly root: string;
  readonly connect: Connect;
}

async function ask({ folder, url, wait }: RenewalOptions, enrolled: Enrolled, { label, pem }: Present, { pending, root, connect }: Question, { now, onProgress }: Surroundings): Promise<RequestReply> {
  const key = readFileSync(join(folder, enrolled.key[0] ?? 'key.pem'), 'latin1');
  const client = connect({ url: url ?? new URL(enrolled.url), roots: [root], credentials: { kind: 'certificate', certificate: pem, key } });
  const { validity } = enrolled;
  try {
    onProgress(`asking ${client.url.origin} for a new certificate`);
    const question = { csr: pending.csr, ...(validity === undefined ? {} : { validity }) };
    return await settle(client, () => client.renew(question), { wait, now, onWaiting: (what) => onProgress(`waiting for ${what}`) });
  } catch (error) {
    if (isFinal(error)) dropPending(folder, label);
    throw error;
  } finally {
    client.close();
  }
}

/** The first certificate of the file. Node's parser would take a millisecond on older machines, and a daemon looks often. */
function parse(pem: string, path: string): Certificate {
  try {
    return parseCertificate(decodePem(pem, 'CERTIFICATE')[0] ?? new Uint8Array());
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new Failure('file', `${path} holds no certificate`, { advice: 'enroll again with --force', cause: error });
  }
}
