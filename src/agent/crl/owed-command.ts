import { existsSync } from 'node:fs';
import { PUBLIC, removeDurably, writeDurably } from '../../authority/durable-file.ts';

/** The command to run after a change. */
export interface OwedCommand {
  /** Must be called before the change, so that a crash after it still leaves the command owed. */
  readonly owe: () => void;
  readonly owed: () => boolean;
  /** Runs the command now if it is owed. Rejects with the reason if it fails; it then remains owed. */
  readonly run: () => Promise<void>;
  /** Schedules the command if it is owed and not yet scheduled; several changes share one run. */
  readonly soon: () => void;
  /** Starts nothing more; resolves when nothing is running. */
  readonly stop: () => Promise<void>;
}

export interface OwedCommandOptions {
  /** The file that records the debt, for the next start. */
  readonly marker: string;
  readonly command: () => Promise<void>;
  /** Milliseconds during which changes are collected. */
  readonly debounce: number;
  readonly failed: (error: unknown) => void;
}

/** Runs a command after changes: once for several that coincide, once more for those made while it runs, and again if it failed. */
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
