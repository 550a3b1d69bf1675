import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { HOST } from './redis.ts';

/** A way to a server that can be cut where a test wants it. */
export interface Proxy {
  readonly port: number;
  /** Cuts all connections now. */
  readonly cut: () => void;
  /** Lets what was sent through, and cuts each connection in place of the next answer. */
  readonly cutAtAnswer: () => void;
  /** Nothing passes any more, and nobody is told: as when a network swallows all. */
  readonly swallow: () => void;
  /** Everything passes again, for new connections. */
  readonly mend: () => void;
  /** What is to be done with the bytes from the server, and what to send to it in place of the client's. */
  rewrite: { toServer: (bytes: Buffer) => Buffer; toClient: (bytes: Buffer) => Buffer };
}

export async function startProxy(t: Pick<Test, 'teardown'>, target: number): Promise<Proxy> {
  const open = new Set<Socket>();
  let mode: 'pass' | 'cut at answer' | 'swallow' = 'pass';
  const server = createServer((client) => {
    const upstream = connect(target, HOST);
    for (const [one, other, direction] of [[client, upstream, 'toServer'], [upstream, client, 'toClient']] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.on('data', (bytes) => {
        if (mode === 'swallow') return;
        if (mode === 'cut at answer' && direction === 'toClient') return void client.destroy();
        other.write(self.rewrite[direction](bytes));
      });
    }
  });
  const cut = (): void => open.forEach((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.teardown(() => {
    cut();
    server.close();
  });
  const address = server.address();
  const self: Proxy = {
    port: typeof address === 'object' ? address?.port ?? 0 : 0,
    cut,
    cutAtAnswer: () => (mode = 'cut at answer', undefined),
    swallow: () => (mode = 'swallow', undefined),
    mend: () => {
      mode = 'pass';
      cut();
    },
    rewrite: { toServer: (bytes) => bytes, toClient: (bytes) => bytes },
  };
  return self;
}
