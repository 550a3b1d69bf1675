import { resolve } from 'node:path';
import { daemon } from '../agent/daemon/daemon.ts';
import type { Entry } from '../agent/daemon/entry.ts';
import { sleeper } from '../agent/daemon/sleep.ts';
import { textfileOf } from '../agent/daemon/textfile.ts';
import { runCommand } from '../agent/run-command.ts';
import type { Tell } from '../agent/tell.ts';
import { PUBLIC, writeDurably } from '../authority/durable-file.ts';
import { openClient } from '../client/chancery-client.ts';
import type { Context } from './context.ts';
import { toFailure } from './report-failure.ts';
import { teller } from './teller.ts';
import { untilStopped } from './until-stopped.ts';

export interface DaemonOptions {
  /** Read at the start, and again on SIGHUP. */
  readonly entries: () => readonly Entry[];
  readonly metricsFile?: string | undefined;
  /** The longest time that a command may run, in seconds. */
  readonly execLimit: number;
  readonly json: boolean;
}

const SECOND = 1000;
/** Milliseconds; checks within this time share one write of the metrics. */
const GATHER = 500;

/** Keeps certificates renewed until SIGTERM or SIGINT. Throws ConfigError if the list is faulty at the start. */
export async function renewDaemon(context: Context, { entries, metricsFile, execLimit, json }: DaemonOptions): Promise<void> {
  const tell = teller(context, json);
  const first = entries();
  const metrics = metricsWriter(metricsFile, () => textfileOf(keeping.status(), context.now()), tell);
  const keeping = daemon({
    now: context.now, random: Math.random, tell, connect: openClient,
    run: (command, folder) => runCommand(command, { RENEWED_FOLDER: folder }, { quiet: json, advice: 'it will be run again', limit: execLimit * SECOND }),
    sleepUntil: sleeper({ now: context.now, steady: () => performance.now() }),
    looked: metrics.soon,
  });
  const reload = (): void => {
    try {
      const next = entries();
      keeping.keep(next);
      tell('info', 'reloaded', `the list of certificates was reread: ${next.length} entries`);
    } catch (error) {
      const { message, more } = toFailure(error);
      tell('error', 'not-reloaded', `the list of certificates is faulty, and the previous one stays in force: ${[message, ...more].join('; ')}`);
    }
  };
  process.on('SIGHUP', reload);
  try {
    await untilStopped(async (signal) => {
      keeping.keep(first);
      tell('info', 'started', `keeping the certificates of ${first.length === 1 ? first[0]?.folder ?? '' : `${first.length} entries`} renewed`);
      await new Promise<void>((done) => {
        if (signal.aborted) done();
        signal.addEventListener('abort', () => done());
      });
      await keeping.stop();
      tell('info', 'stopped', 'stopped');
    });
  } finally {
    process.removeListener('SIGHUP', reload);
    metrics.end();
  }
}

interface MetricsWriter {
  readonly soon: () => void;
  /** Performs a pending write, if any. */
  readonly end: () => void;
}

/** Replaces the metrics file as a whole, so that a collector never reads half of it. */
function metricsWriter(file: string | undefined, text: () => string, tell: Tell): MetricsWriter {
  if (file === undefined) return { soon: () => {}, end: () => {} };
  const path = resolve(file);
  let timer: NodeJS.Timeout | undefined;
  let failed = false;
  const write = (): void => {
    timer = undefined;
    try {
      writeDurably(path, text(), PUBLIC);
      failed = false;
    } catch (error) {
      if (!failed) tell('error', 'metrics-failed', `the metrics could not be written: ${toFailure(error).message}`);
      failed = true;
    }
  };
  return {
    soon: () => { timer ??= setTimeout(write, GATHER); },
    end: () => {
      if (timer === undefined) return;
      clearTimeout(timer);
      write();
    },
  };
}
