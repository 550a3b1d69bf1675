import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type StandingChange, isStandingChange } from '../../agent/crl/hear-events.ts';
import type { Tell } from '../../agent/tell.ts';
import { SECRET, writeDurably } from '../../authority/durable-file.ts';
import { type StandingCrl, toldRevocations } from '../told.ts';

/** Keeps announced revocations until a CRL lists them, so that a plugin restarted without the service still refuses what it refused before. */
export interface ToldFile {
  /** The changes kept, oldest first. */
  readonly kept: () => readonly StandingChange[];
  /** Adds a change; all changes of one turn are synced together at its end. */
  readonly add: (change: StandingChange) => void;
  /** Called when these CRLs are durable (`Told.settle`). */
  readonly settle: (standing: readonly StandingCrl[]) => void;
  /** Writes pending changes now. */
  readonly flush: () => void;
}

/**
 * A file of JSON lines, one change each, later ones overriding earlier ones: new changes are appended, and the file is rewritten once a CRL lists
 * some of them.
 */
export function toldFile(path: string, tell: Tell): ToldFile {
  const told = toldRevocations();
  let added: StandingChange[] = [];
  /** The number of lines in the file; undefined while its end may be torn. */
  let lines: number | undefined = 0;
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    if (line === '') continue;
    const change = parse(line);
    // A crash may have torn the end; anywhere else, an unreadable line is reported.
    if (change === undefined) {
      lines = undefined;
      tell('warn', 'state', `${path}: a line is damaged, and is ignored`);
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
  /** A failing disk does not undo what is known; the next write then rewrites the whole file. */
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch (error) {
      lines = undefined;
      tell('error', 'state', `${path} cannot be written: ${(error as Error).message}; a revocation announced just now may be forgotten at the next start`);
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
