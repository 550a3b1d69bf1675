import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** Milliseconds between two attempts. */
const PAUSE = 3;

/**
 * Runs `work` while no other process of this machine does so under the same name, and resolves with true; or with false, having done nothing,
 * if that was impossible for `patience` milliseconds.
 *
 * LMDB needs this: the last process to close a store destroys its mutexes, and a process opening it at the same moment would take them for
 * valid. The name is held as an abstract socket, which the kernel releases if a process dies. On systems without them (all but Linux), `work`
 * runs unguarded.
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

/** A server that no one is meant to connect to, or undefined if another process holds the name. */
const hold = (name: string): Promise<Server | undefined> => new Promise((resolve) => {
  const server = createServer((caller) => caller.destroy());
  server.once('error', () => resolve(undefined));
  server.listen({ path: name, backlog: 1, exclusive: true }, () => {
    server.unref();
    resolve(server);
  });
});
