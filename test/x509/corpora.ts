import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Test data that is not part of the project (see its own README); tests skip where it is absent. */
export const CORPORA = resolve(process.env['CHANCERY_CORPORA'] ?? '../shared/corpora');

/** For tap's `skip`: false where the folder or file is there, else why not. */
export const missing = (path: string): string | false => (existsSync(join(CORPORA, path)) ? false : `${join(CORPORA, path)} is not there (CHANCERY_CORPORA)`);

export const corpusFile = (path: string): Uint8Array => new Uint8Array(readFileSync(join(CORPORA, path)));

export const corpusText = (path: string): string => readFileSync(join(CORPORA, path), 'utf8');

/** Names of the files in a folder with one of these endings. */
export const corpusFolder = (path: string, ...endings: readonly string[]): string[] =>
  readdirSync(join(CORPORA, path)).filter((name) => endings.some((ending) => name.endsWith(ending))).sort();

/** Rows of a table with a heading, tab-separated. */
export const corpusTable = (path: string): string[][] => corpusText(path).trimEnd().split('\n').slice(1).map((line) => line.split('\t'));

/** The files in a packed folder (ustar, as GNU tar writes it). */
export function* corpusArchive(path: string): Generator<{ readonly name: string; readonly bytes: Uint8Array }> {
  const tar = gunzipSync(readFileSync(join(CORPORA, path)));
  for (let offset = 0; offset + 512 <= tar.length && tar[offset] !== 0;) {
    const field = (start: number, length: number): string => tar.toString('latin1', offset + start, offset + start + length).replace(/\0.*$/s, '').trim();
    const size = parseInt(field(124, 12) || '0', 8);
    const isFile = field(156, 1) === '0' || field(156, 1) === '';
    if (isFile) yield { name: field(0, 100), bytes: new Uint8Array(tar.subarray(offset + 512, offset + 512 + size)) };
    offset += 512 + Math.ceil(size / 512) * 512;
  }
}
