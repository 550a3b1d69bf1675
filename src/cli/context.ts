/** Where a command writes: a process's stream, or a collector in a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command has of the world around it. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Asks whoever sits at the terminal, and gives back the line that they wrote; absent where nobody does. */
  readonly ask?: (question: string) => Promise<string>;
}

/** Whether colours may be written: only to a terminal, and never where NO_COLOR asks for none (no-color.org). */
export const mayColour = (output: Output, env: Context['env']): boolean =>
  output.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
