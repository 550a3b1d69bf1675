import cluster, { type Worker } from 'node:cluster';
import type { Log } from './log.ts';
import type { Addresses } from './service.ts';

/** A worker's message to the primary: that it serves, or why it does not. */
export type WorkerMessage = { readonly ready: Addresses } | { readonly failed: string };

export interface Workers {
  /** Where all workers listen. */
  readonly addresses: Addresses;
  /** Resolves when all workers have exited. */
  readonly stop: () => Promise<void>;
}

const RESTART_AFTER = 1000;
const STOP_WITHIN = 20_000;

/**
 * Starts the workers and waits until all of them serve; from then on, one that dies is restarted.
 * @param stopping resolves when the start is to be abandoned
 * @returns undefined if it was abandoned
 * @throws Error with the message of the first worker that could not serve, once all have exited
 */
export async function startWorkers(count: number, stopping: Promise<unknown>, log: Log): Promise<Workers | undefined> {
  let keep = true;
  const stop = async (): Promise<void> => {
    keep = false;
    await Promise.all(Object.values(cluster.workers ?? {}).map(stopWorker));
  };
  const restart = (status: number): void => {
    if (!keep) return;
    log.error({ status }, 'a worker died and is restarted');
    setTimeout(() => {
      if (keep) startWorker(restart).catch((err: unknown) => log.error({ err }, 'a worker could not be started'));
    }, RESTART_AFTER);
  };
  // A worker that dies before all have started aborts the start instead of being restarted.
  let started = false;
  const ended = (status: number): void => {
    if (started) restart(status);
  };
  try {
    const all = Promise.all(Array.from({ length: count }, () => startWorker(ended)));
    const first = await Promise.race([all, stopping.then(() => undefined)]);
    const addresses = first?.[0];
    if (addresses !== undefined) {
      started = true;
      return { addresses, stop };
    }
    all.catch(() => undefined);
  } catch (error) {
    await stop();
    throw error;
  }
  await stop();
  return undefined;
}

/** @returns the addresses it listens on, once it does */
function startWorker(ended: (status: number) => void): Promise<Addresses> {
  return new Promise((resolve, reject) => {
    const worker = cluster.fork();
    worker.on('message', (message: WorkerMessage) => ('ready' in message ? resolve(message.ready) : reject(new Error(message.failed))));
    worker.once('exit', (status, signal) => {
      reject(new Error(`a worker ended (${signal ?? `status ${status}`}) before it was ready`));
      ended(status);
    });
  });
}

async function stopWorker(worker: Worker | undefined): Promise<void> {
  if (worker === undefined || worker.isDead()) return;
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.process.kill('SIGTERM');
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), STOP_WITHIN);
  await ended;
  clearTimeout(timer);
}
