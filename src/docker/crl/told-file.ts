import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type StandingChange, isStandingChange } from '../../agent/crl/hear-events.ts';
import type { Tell } from '../../agent/tell.ts';
import { SECRET, writeDurably } from '../../authority/durable-file.ts';
import { type StandingCrl, toldRevocations } from '../told.ts';

/** Keeps what events told until a CRL says it: a plugin that starts anew, and can ask nobody, still refuses those it refused before. */
export interface ToldFile {
  /** What was kept, the oldest first. */
  readonly kept: () => readonly StandingChange[];
  /** Keeps one more; all of one turn become durable together, at its end. */
  readonly add: (change: StandingChange) => void;
  /** These CRLs are durable (`Told.settle`). */
  readonly settle: (standing: readonly StandingCrl[]) => void;
  /** Writes what was added, now. */
  readonly flush: () => void;
}

/** A file of JSON lines, each a change, later ones over earlier ones: what is new is appended, and the rest rewritten when a CRL says some of it. */
export function toldFile(path: string, tell: Tell): ToldFile {
  const told = toldRevocations();
  let added: StandingChange[] = [];
  /** Lines of the file; undefined where its end is not known to be whole. */
  let lines: number | undefined = 0;
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    if (line === '') continue;
    const change = parse(line);
    // The end may be missing after a crash; before it, nothing that was told is passed over in silence.
    if (change === undefined) {
      lines = undefined;
      tell('warn', 'state', `${path}: a line is damaged, and does not count`);
    } else {
      told.learn(change);
      if (lines !== undefined) lines += 1;
    }
  }

  const textOf = (changes: readonly StandingChange[]): string => changes.map((change) => `${JSON.stringify(change)}\n`).join('');
  const rewrite = (): void => {
    const changes = told.changes();
    writeDurably(path, textOf(changes), SECRET);
    lines = changes.length;
  };
  /** A disk that refuses takes nothing back from what is known; the next write writes all. */
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch (error) {
      lines = undefined;
      tell('error', 'state', `${path} cannot be written: ${(error as Error).message}; a revocation told just now may be forgotten at the next start`);
    }
  };
  const flush = (): void => {
    const news = added;
    added = [];
    if (news.length === 0) return;
    attempt(() => {
      if (lines === undefined || !existsSync(path)) return rewrite();
      append(path, textOf(news));
      lines += news.length;
    });
  };

  return {
    kept: told.changes,
    add: (change) => {
      told.learn(change);
      if (added.push(change) === 1) setImmediate(flush);
    },
    settle: (standing) => {
      told.settle(standing);
      if (lines === told.changes().length) return;
      added = [];
      attempt(rewrite);
    },
    flush,
  };
}

function parse(line: string): StandingChange | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isStandingChange(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function append(path: string, text: string): void {
  const file = openSync(path, 'a', SECRET);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
