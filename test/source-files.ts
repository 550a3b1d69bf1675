import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { repositoryFile } from './repository.ts';

/** One import of a source file. */
export interface Import {
  /** A path below `src/`, such as `x509/der/reader.ts`, or a package or `node:` module as it is written. */
  readonly target: string;
  /** True where nothing is left of it at run time. */
  readonly typeOnly: boolean;
  /** What is imported by name. */
  readonly names: readonly string[];
  /** True for `export … from`. */
  readonly exported: boolean;
  /** True for `import(…)`: loaded when the line is reached. */
  readonly dynamic: boolean;
}

export interface SourceFile {
  /** Below `src/`: `x509/der/reader.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Every TypeScript file below `src/`, with its imports. */
export const sourceFiles = (): SourceFile[] =>
  readdirSync(repositoryFile('src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => {
      const text = readFileSync(repositoryFile(`src/${path}`), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });

// TypeScript 7 has no compiler API; imports stand at the beginning of a line in this project, so expressions will do.
const STATIC = /^(import|export)\s+(type\s+)?([^;'"]*?)\s*from\s+'([^']+)'/gm;
const BARE = /^import\s+'([^']+)'/gm;
const DYNAMIC = /\bimport\('([^']+)'\)/g;

export function importsOf(path: string, text: string): Import[] {
  const resolve = (specifier: string): string => (specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier);
  const whole = (specifier = '', dynamic = false): Import => ({ target: resolve(specifier), typeOnly: false, names: ['*'], exported: false, dynamic });
  const named = [...text.matchAll(STATIC)].map(([, keyword, typeKeyword, clause = '', specifier = '']): Import => {
    const names = clause.replace(/[{}\s]+/g, ' ').split(',').map((name) => name.trim()).filter((name) => name !== '');
    return {
      target: resolve(specifier),
      typeOnly: typeKeyword !== undefined || (names.length > 0 && names.every((name) => name.startsWith('type '))),
      names: names.map((name) => name.replace(/^type /, '').replace(/ as .*$/, '')),
      exported: keyword === 'export',
      dynamic: false,
    };
  });
  return [...named, ...[...text.matchAll(BARE)].map(([, specifier]) => whole(specifier)), ...[...text.matchAll(DYNAMIC)].map(([, specifier]) => whole(specifier, true))];
}
