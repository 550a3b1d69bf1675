import { existsSync } from 'node:fs';
import { PUBLIC, removeDurably, writeDurably } from '../../authority/durable-file.ts';

/** The command after a change. */
export interface OwedCommand {
  /** To be called before the change, so that a crash behind it leaves the debt. */
  readonly owe: () => void;
  readonly owed: () => boolean;
  /** Runs it now, if it is owed. Rejects with why it failed; it is owed then as before. */
  readonly run: () => Promise<void>;
  /** Runs it soon, several changes as one, if it is owed and not about to run. */
  readonly soon: () => void;
  /** Nothing more begins; resolves when nothing runs. */
  readonly stop: () => Promise<void>;
}

export interface OwedCommandOptions {
  /** The file that says so: another start must know. */
  readonly marker: string;
  readonly command: () => Promise<void>;
  /** Milliseconds in which changes are gathered. */
  readonly debounce: number;
  readonly failed: (error: unknown) => void;
}

/** Runs a command after changes: once for several that come together, once more for those that come while it runs, again where it failed. */
export function owedCommand({ marker, command, debounce, failed }: OwedCommandOptions): OwedCommand {
  let changes = 0;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const owed = (): boolean => existsSync(marker);

  const runAll = async (): Promise<void> => {
    while (owed() && !stopped) {
      const covered = changes;
      await command();
      if (covered === changes) removeDurably(marker);
    }
  };
  const run = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    running ??= runAll().finally(() => { running = undefined; });
    return running;
  };
  return {
    owe: () => {
      changes += 1;
      if (!owed()) writeDurably(marker, '', PUBLIC);
    },
    owed,
    run,
    soon: () => {
      if (!stopped && timer === undefined && running === undefined && owed()) timer = setTimeout(() => void run().catch(failed), debounce);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running?.catch(() => {});
    },
  };
}
