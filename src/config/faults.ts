/** Names and list indexes from the root of the configuration to a value. */
export type Path = readonly (string | number)[];

/** Where a value was set: a place in the file, an environment variable, or the command line. */
export interface Origin {
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
}

/** One fault in the configuration. Never shows a secret. */
export interface ConfigFault extends Origin {
  /** Such as `profiles.server.names.allow[2]`; empty for the whole configuration. */
  readonly path: string;
  readonly problem: string;
  /** Empty if the problem is self-explanatory. */
  readonly expected: string;
}

export type Report = (path: Path, problem: string, expected: string) => void;

/** Formats a path as `profiles.server.names.allow[2]`. */
export const pathText = (path: Path): string =>
  path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('').replace(/^\./, '');

/** The fault in one line: source, path, problem, and what was expected. */
export function faultText({ source, line, column, path, problem, expected }: ConfigFault): string {
  const place = [source, line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${path === '' ? '' : `${path} `}${problem}${expected === '' ? '' : `; expected ${expected}`}`;
}

/** The configuration, or another file of the same kind, cannot be used. `faults` lists every fault found, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[], what = 'the configuration') {
    const sorted = [...faults].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0));
    super(`${what} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}\n${sorted.map((fault) => `  ${faultText(fault)}`).join('\n')}`);
    this.faults = sorted;
  }
}

/** Two values that contradict each other, or one that refers to something undefined. */
export interface Inconsistency {
  readonly path: Path;
  /** Other values involved. */
  readonly about?: readonly Path[];
  readonly problem: string;
  readonly expected: string;
}
