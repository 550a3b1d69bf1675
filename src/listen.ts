import type { AddressInfo } from 'node:net';
import type { Listener } from './config/forms.ts';
import type { App } from './http/app.ts';

export interface Listening {
  readonly app: App;
  /** The address that was really taken: a port 0 is a free one here. */
  readonly url: (scheme: 'https' | 'http') => string;
  /** Frees the address at once. Connections that are there go on until the app is closed. */
  readonly release: () => void;
}

/** A listener on every address is reached on this machine by the loopback one. */
const REACHED_BY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Builds the app and listens, unless the listener is off; how to close it is added to `stopping`.
 * @param before when all is ready: frees the address, where somebody in this process has it
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

/** What was accepted takes milliseconds; whoever only waits, or has connected and said nothing, is not waited for longer than this. */
const GRACE = 3000;

async function closeWithin(app: App): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), GRACE);
  await app.close();
  clearTimeout(timer);
}
