import type { AddressInfo } from 'node:net';
import type { Listener } from './config/forms.ts';
import type { App } from './http/app.ts';

export interface Listening {
  readonly app: App;
  /** The actual address: port 0 in the configuration means any free port. */
  readonly url: (scheme: 'https' | 'http') => string;
  /** Stops accepting connections at once. Existing connections continue until the app is closed. */
  readonly release: () => void;
}

/** Loopback addresses by which a listener on all interfaces is reached from this machine. */
const REACHED_BY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Builds the app and listens, unless the listener is off. The function that closes it is added to `stopping`.
 * @param before called once everything is ready: frees the address if a previous service in this process holds it
 */
export async function listenOn(listener: Listener | 'off', build: () => Promise<App>, stopping: (() => Promise<unknown>)[], before?: () => void): Promise<Listening | undefined> {
  if (listener === 'off') return undefined;
  const app = await build();
  stopping.push(() => closeWithin(app));
  before?.();
  await app.listen({ host: listener.host, port: listener.port });
  const { port } = app.server.address() as AddressInfo;
  const host = REACHED_BY[listener.host] ?? listener.host;
  return { app, release: () => void app.server.close(), url: (scheme) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}` };
}

/** Milliseconds. Accepted requests finish far sooner; idle and waiting connections are closed after this. */
const GRACE = 3000;

async function closeWithin(app: App): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), GRACE);
  await app.close();
  clearTimeout(timer);
}
