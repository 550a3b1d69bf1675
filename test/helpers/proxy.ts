import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { HOST } from './redis.ts';

/** A TCP proxy whose connections a test can cut. */
export interface Proxy {
  readonly port: number;
  /** Cuts all connections now. */
  readonly cut: () => void;
  /** Forwards what is sent to the server, and cuts each connection instead of delivering the next reply. */
  readonly cutAtAnswer: () => void;
  /** Drops everything silently, like a failed network. */
  readonly swallow: () => void;
  /** Forwards everything again, for new connections. */
  readonly mend: () => void;
  /** Transforms the bytes in each direction. */
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
