/** Names and list indexes from the top of the configuration to a value. */
export type Path = readonly (string | number)[];

/** Where a value was said: a place in the file, an environment variable, the command line. */
export interface Origin {
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
}

/** One thing wrong with the configuration. Never shows a secret. */
export interface ConfigFault extends Origin {
  /** As in `profiles.server.names.allow[2]`; empty for the whole. */
  readonly path: string;
  readonly problem: string;
  /** Empty where the problem says it all. */
  readonly expected: string;
}

export type Report = (path: Path, problem: string, expected: string) => void;

/** `profiles.server.names.allow[2]`. */
export const pathText = (path: Path): string =>
  path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('').replace(/^\./, '');

/** One line: where, what, what was wrong, what was expected. */
export function faultText({ source, line, column, path, problem, expected }: ConfigFault): string {
  const place = [source, line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${path === '' ? '' : `${path} `}${problem}${expected === '' ? '' : `; expected ${expected}`}`;
}

/** The configuration, or another file of that form, cannot be used. `faults` holds every fault found, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[], what = 'the configuration') {
    const sorted = [...faults].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0));
    super(`${what} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}\n${sorted.map((fault) => `  ${faultText(fault)}`).join('\n')}`);
    this.faults = sorted;
  }
}

/** Two values that do not go together, or one that refers to nothing. */
export interface Inconsistency {
  readonly path: Path;
  /** Other values that it hangs on. */
  readonly about?: readonly Path[];
  readonly problem: string;
  readonly expected: string;
}
