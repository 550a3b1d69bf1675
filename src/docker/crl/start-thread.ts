import { Worker } from 'node:worker_threads';
import { backOff } from '../../agent/crl/alarm.ts';
import type { Tell } from '../../agent/tell.ts';
import type { Message, News, WatchSettings } from './news.ts';

export interface CrlThread {
  /** Resolves once every CRL has been polled, successfully or not. */
  readonly looked: Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface CrlThreadOptions {
  readonly learn: (news: News) => void;
  readonly tell: Tell;
}

/** The longest pause between two starts, and the time allowed for a requested stop, in milliseconds. */
const MOST_PAUSE = 60_000;
const GRACE = 2000;
/** A thread that ran this long, in milliseconds, resets the pause. */
const LASTED = 60_000;

/** Starts the thread that watches CRLs, and restarts it if it dies; what was learned before stays in force. */
export function startCrlThread(settings: WatchSettings, { learn, tell }: CrlThreadOptions): CrlThread {
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;
  let deaths = 0;
  let done = (): void => {};
  const looked = new Promise<void>((resolve) => { done = resolve; });

  const start = (): void => {
    const began = performance.now();
    const thread = new Worker(new URL('./thread.js', import.meta.url), { workerData: settings });
    worker = thread;
    thread.on('message', (message: Message) => {
      if ('line' in message) return tell(message.line.level, message.line.event, message.line.message, message.line.facts);
      learn(message.news);
      if (message.news.kind === 'looked') done();
    });
    thread.on('error', (error) => tell('error', 'thread', `the watch of the CRLs failed: ${error.message}`));
    thread.on('exit', () => {
      worker = undefined;
      if (stopping) return;
      deaths = performance.now() - began > LASTED ? 1 : deaths + 1;
      timer = setTimeout(start, backOff(deaths, MOST_PAUSE, Math.random));
    });
  };
  start();

  return {
    looked,
    stop: async () => {
      stopping = true;
      clearTimeout(timer);
      const thread = worker;
      if (thread === undefined) return;
      const ended = new Promise<void>((resolve) => { thread.once('exit', () => resolve()); });
      thread.postMessage('stop');
      const late = setTimeout(() => void thread.terminate(), GRACE);
      await ended;
      clearTimeout(late);
    },
  };
}
