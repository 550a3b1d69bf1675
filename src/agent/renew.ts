import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PUBLIC, SECRET } from '../authority/durable-file.ts';
import { generateKeyPair } from '../authority/keys/generate.ts';
import { openClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import type { RequestReply } from '../client/replies.ts';
import { encodePem } from '../x509/pem.ts';
import { buildCertificationRequest, namesOf } from './csr.ts';
import type { Surroundings } from './enroll.ts';
import { type Enrolled, readEnrolled, writeEnrolled } from './enrolled.ts';
import { checkIssued, lifeOf } from './issued.ts';
import { exportKey, keyPairFrom, readKeyPair } from './key.ts';
import { type Pending, dropPending, keepAnswer, keepPending, pendingFile, readPending } from './pending.ts';
import { replaceFiles } from './replace-files.ts';
import { isFinal, settle } from './settle.ts';

export interface RenewOptions {
  readonly folder: string;
  /** Another address than the one that was enrolled with. */
  readonly url?: URL | undefined;
  /** Before it is due. */
  readonly force: boolean;
  readonly reuseKey: boolean;
  /** Seconds to wait for an approval. */
  readonly wait: number;
  /** Whether a command follows, which is then owed until `commandDone`. */
  readonly commandFollows: boolean;
}

/** One certificate of the folder after a look at it. Times in milliseconds since the Unix epoch. */
export interface Renewal {
  readonly certificate: string;
  readonly profile: string;
  readonly names: readonly string[];
  readonly serial: string;
  readonly renewed: boolean;
  readonly notAfter: number;
  /** When two thirds of its life are over. */
  readonly due: number;
}

const DUE_SHARE = 2 / 3;

/** Renews what `enroll` wrote into the folder and is due, one certificate after the other. Throws Failure. */
export async function renew(options: RenewOptions, surroundings: Surroundings): Promise<readonly Renewal[]> {
  const all = readEnrolled(options.folder);
  if (all.length === 0) throw new Failure('file', `nothing was enrolled into ${options.folder}`, { advice: 'give the folder with --out, or begin with \'chancery enroll\'' });
  const renewals: Renewal[] = [];
  for (const enrolled of all) renewals.push(await renewOne(options, enrolled, surroundings));
  return renewals;
}

/** Whether the command that follows a renewal is still owed: its renewal is done, and it has not ended well since. */
export const commandOwed = (folder: string): boolean => readEnrolled(folder).some(({ commandDue }) => commandDue === true);

/** Notes that the command ended well. */
export function commandDone(folder: string): void {
  for (const { commandDue, ...enrolled } of readEnrolled(folder)) if (commandDue === true) writeEnrolled(folder, enrolled);
}

async function renewOne(options: RenewOptions, enrolled: Enrolled, surroundings: Surroundings): Promise<Renewal> {
  const { folder } = options;
  const [certificateFile = 'cert.pem'] = enrolled.certificate;
  const label = certificateFile.replace(/\.pem$/, '');
  const pem = readFileSync(join(folder, certificateFile), 'latin1');
  const present = parse(pem, join(folder, certificateFile));
  const life = lifeOf(present);
  const underWay = readPending(folder, label);
  const about = { certificate: join(folder, certificateFile), profile: enrolled.profile, names: enrolled.names };
  if (!options.force && underWay === undefined && surroundings.now() < dueAt(life)) {
    return { ...about, serial: present.serialNumber.toLowerCase(), renewed: false, notAfter: life.notAfter, due: dueAt(life) };
  }
  if (underWay?.answer === undefined && surroundings.now() > life.notAfter) {
    throw new Failure('refused', `${join(folder, certificateFile)} ended ${new Date(life.notAfter).toISOString()}, so that it cannot renew itself any more`, {
      advice: 'enroll again with a new token and --force',
    });
  }
  const pending = underWay ?? await begin(options, enrolled, label, present);
  const root = readFileSync(join(folder, enrolled.ca), 'latin1');
  const answer = pending.answer ?? await ask(options, enrolled, { label, pem, pending, root }, surroundings);
  const issued = checkIssued(answer, keyPairFrom(pending.key, pendingFile(folder, label)).privateKey, root);
  keepAnswer(folder, label, pending, answer);
  replaceFiles([
    ...enrolled.key.map((file) => ({ path: join(folder, file), content: pending.key, mode: SECRET })),
    ...enrolled.certificate.map((file) => ({ path: join(folder, file), content: issued.pem, mode: PUBLIC })),
  ]);
  if (options.commandFollows) writeEnrolled(folder, { ...enrolled, commandDue: true });
  dropPending(folder, label);
  return { ...about, serial: issued.serial, renewed: true, notAfter: issued.notAfter, due: dueAt(issued) };
}

async function begin({ folder, reuseKey }: RenewOptions, enrolled: Enrolled, label: string, present: X509Certificate): Promise<Pending> {
  const pair = reuseKey ? readKeyPair(join(folder, enrolled.key[0] ?? 'key.pem')) : await generateKeyPair(enrolled.keyType);
  const csr = encodePem('CERTIFICATE REQUEST', buildCertificationRequest(pair, namesOf(present.raw)));
  return keepPending(folder, label, { question: `renewal of ${present.serialNumber.toLowerCase()}`, key: exportKey(pair), csr });
}

interface Question {
  readonly label: string;
  /** The certificate that is renewed, with its chain, and the root: PEM. */
  readonly pem: string;
  readonly root: string;
  readonly pending: Pending;
}

async function ask({ folder, url, wait }: RenewOptions, enrolled: Enrolled, { label, pem, root, pending }: Question, { now, onProgress }: Surroundings): Promise<RequestReply> {
  const key = readFileSync(join(folder, enrolled.key[0] ?? 'key.pem'), 'latin1');
  const client = openClient({ url: url ?? new URL(enrolled.url), roots: [root], credentials: { kind: 'certificate', certificate: pem, key } });
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

const dueAt = ({ notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number }): number => notBefore + (notAfter - notBefore) * DUE_SHARE;

function parse(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Failure('file', `${path} holds no certificate`, { advice: 'enroll again with --force', cause: error });
  }
}
