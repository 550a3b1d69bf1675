import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SECRET, linkDurably, writeAside, writeDurably } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';
import type { RequestReply } from '../client/replies.ts';

/**
 * A request under way: its key and CSR, kept from before the CSR is sent until the last file is installed. Running the same command again,
 * after a crash or a wait, resumes it: the service recognizes the CSR and returns the same certificate.
 */
export interface Pending {
  /** What is requested, as one text: a different request does not resume this one. */
  readonly question: string;
  /** PKCS#8, PEM. */
  readonly key: string;
  readonly csr: string;
  /** The reply, from the time it was verified until it is installed. */
  readonly answer?: RequestReply;
}

/** Undefined if nothing is under way. Throws Failure `file`. */
export function readPending(folder: string, label: string): Pending | undefined {
  const path = pendingFile(folder, label);
  if (!existsSync(path)) return undefined;
  try {
    const { question, key, csr, answer } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Pending>;
    if (typeof question === 'string' && typeof key === 'string' && typeof csr === 'string') return { question, key, csr, ...(answer === undefined ? {} : { answer }) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Failure('file', `${path} is damaged`, { advice: 'remove it to start again' });
}

/**
 * Saves a request under way, unless one is already saved, which is then returned. Of two processes that start at once, both therefore
 * continue with the same key and end with the same files.
 */
export function keepPending(folder: string, label: string, pending: Pending): Pending {
  const path = pendingFile(folder, label);
  const temporary = writeAside(folder, `${JSON.stringify(pending, undefined, 2)}\n`, SECRET);
  try {
    linkDurably(temporary, path);
    return pending;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readPending(folder, label) ?? keepPending(folder, label, pending);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Saves the reply with its request: where the old certificate authenticates the node, asking again is impossible once its key has been
 * replaced.
 */
export const keepAnswer = (folder: string, label: string, pending: Pending, answer: RequestReply): void =>
  writeDurably(pendingFile(folder, label), `${JSON.stringify({ ...pending, answer }, undefined, 2)}\n`, SECRET);

export const dropPending = (folder: string, label: string): void => rmSync(pendingFile(folder, label), { force: true });

export const pendingFile = (folder: string, label: string): string => join(folder, `chancery-${label}.pending.json`);

/** The labels of all requests under way. */
export const pendingLabels = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : []).flatMap((name) => /^chancery-(.+)\.pending\.json$/.exec(name)?.[1] ?? []);
