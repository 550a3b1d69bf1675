import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PUBLIC, writeDurably } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';

/** Where Docker looks for sockets by itself. A plugin is called by the name of its file. */
export const PLUGIN_FOLDER = '/run/docker/plugins';

/** sun_path of Linux, its end left out. */
const MOST_PATH = 107;

/** Listens on a unix socket, for root alone. A socket that a crash has left is replaced; one that somebody answers is not. Throws Failure `file`. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MOST_PATH) throw new Failure('usage', `the path of the socket is longer than ${MOST_PATH} octets`, { advice: 'give a shorter one with --socket' });
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined) {
    if (!there.isSocket()) throw new Failure('file', `${path} is there, and no socket`, { advice: 'remove it, or give another path with --socket' });
    if (await isAnswered(path)) throw new Failure('file', `another process listens on ${path}`, { advice: 'stop it, or give another path with --socket' });
    rmSync(path);
  }
  // Whoever can write to the socket can learn who is revoked, but not more; still it is nobody's business.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(new Failure('file', `${path}: ${error.code ?? error.message}`, { cause: error })));
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
}

const isAnswered = (path: string): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(path);
  const done = (answered: boolean): void => {
    socket.destroy();
    resolve(answered);
  };
  socket.on('connect', () => done(true));
  socket.on('error', () => done(false));
});

/** Tells Docker of a socket that is elsewhere: a file `<name>.spec` in /etc/docker/plugins. */
export function writeSpec(file: string, socket: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeDurably(file, `unix://${socket}\n`, PUBLIC);
}
