import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** Milliseconds between two attempts. */
const PAUSE = 3;

/**
 * Runs `work` while no other process of this machine does so under the same name, and resolves with true; with false, and nothing done,
 * where that could not be had for `patience` milliseconds.
 *
 * LMDB needs it: the last process that closes a store destroys its mutexes, and one that opens it at the same moment takes them for good
 * ones. The name is held as an abstract socket, which the kernel takes back from a process that dies. Where there are none (all but
 * Linux) everybody passes.
 */
export async function alone(name: string, patience: number, work: () => Promise<void> | void): Promise<boolean> {
  if (process.platform !== 'linux') {
    await work();
    return true;
  }
  const until = performance.now() + patience;
  let held = await hold(`\0${name}`);
  while (held === undefined) {
    if (performance.now() > until) return false;
    await setTimeout(PAUSE * (1 + Math.random()));
    held = await hold(`\0${name}`);
  }
  try {
    await work();
  } finally {
    held.close();
  }
  return true;
}

/** A server that nobody is meant to call, or undefined where another process has the name. */
const hold = (name: string): Promise<Server | undefined> => new Promise((resolve) => {
  const server = createServer((caller) => caller.destroy());
  server.once('error', () => resolve(undefined));
  server.listen({ path: name, backlog: 1, exclusive: true }, () => {
    server.unref();
    resolve(server);
  });
});
