import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PUBLIC, writeDurably } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';

/** Where Docker discovers sockets. A plugin's name is the file name. */
export const PLUGIN_FOLDER = '/run/docker/plugins';

/** The limit of Linux's sun_path in bytes, without the terminating NUL. */
const MOST_PATH = 107;

/** Listens on a unix socket that only root can access. Replaces a socket left by a crash, but not one that still answers. Throws Failure `file`. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MOST_PATH) throw new Failure('usage', `the path of the socket is longer than ${MOST_PATH} octets`, { advice: 'give a shorter one with --socket' });
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined) {
    if (!there.isSocket()) throw new Failure('file', `${path} exists, and is not a socket`, { advice: 'remove it, or give another path with --socket' });
    if (await isAnswered(path)) throw new Failure('file', `another process listens on ${path}`, { advice: 'stop it, or give another path with --socket' });
    rmSync(path);
  }
  // Write access to the socket reveals who is revoked and nothing more; it is restricted all the same.
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

/** Announces a socket elsewhere to Docker: a file `<name>.spec` in /etc/docker/plugins. */
export function writeSpec(file: string, socket: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeDurably(file, `unix://${socket}\n`, PUBLIC);
}
