import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SECRET, linkDurably, writeAside, writeDurably } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';
import type { RequestReply } from '../client/replies.ts';

/**
 * A question under way: key and CSR, kept from before the CSR is sent until the last file is in place. Whoever runs the same
 * command again, after a crash or a wait, goes on with them: the service knows the CSR, and answers with the same certificate.
 */
export interface Pending {
  /** What is asked, in one text: another question does not go on with this one. */
  readonly question: string;
  /** PKCS#8, PEM. */
  readonly key: string;
  readonly csr: string;
  /** What came back, from when it was checked until it is in place. */
  readonly answer?: RequestReply;
}

/** Undefined where nothing is under way. Throws Failure `file`. */
export function readPending(folder: string, label: string): Pending | undefined {
  const path = pendingFile(folder, label);
  if (!existsSync(path)) return undefined;
  try {
    const { question, key, csr, answer } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Pending>;
    if (typeof question === 'string' && typeof key === 'string' && typeof csr === 'string') return { question, key, csr, ...(answer === undefined ? {} : { answer }) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Failure('file', `${path} is damaged`, { advice: 'remove it to begin anew' });
}

/**
 * Keeps a question, unless one is kept already: then that one is returned. Of two processes that begin at once, both go on
 * with the same key, and end with the same files.
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
 * Keeps the answer with its question: where the old certificate is what proves who asks, there is no asking again once
 * its key is replaced.
 */
export const keepAnswer = (folder: string, label: string, pending: Pending, answer: RequestReply): void =>
  writeDurably(pendingFile(folder, label), `${JSON.stringify({ ...pending, answer }, undefined, 2)}\n`, SECRET);

export const dropPending = (folder: string, label: string): void => rmSync(pendingFile(folder, label), { force: true });

export const pendingFile = (folder: string, label: string): string => join(folder, `chancery-${label}.pending.json`);

/** The names under which something is under way. */
export const pendingLabels = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : []).flatMap((name) => /^chancery-(.+)\.pending\.json$/.exec(name)?.[1] ?? []);
