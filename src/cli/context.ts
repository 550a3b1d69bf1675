/** Where a command writes: a process's stream, or a collector in a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A command's access to its environment. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Asks a question at the terminal, and resolves to the line typed; absent if there is no terminal. */
  readonly ask?: (question: string) => Promise<string>;
}

/** Whether colours may be written: only to a terminal, and not if NO_COLOR is set (no-color.org). */
export const mayColour = (output: Output, env: Context['env']): boolean =>
  output.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
