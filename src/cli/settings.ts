import { resolve } from 'node:path';
import { parseServiceUrl } from '../client/address.ts';
import { Failure } from '../client/failure.ts';
import type { Config } from '../config/config.ts';
import type { Listener } from '../config/forms.ts';
import type { Context } from './context.ts';

export interface PlaceOptions {
  readonly data?: string;
  readonly config?: string;
  readonly workers?: number;
}

export const DATA_OPTION = ['--data <folder>', 'the data folder (default: CHANCERY_DATA, or ./chancery-data)'] as const;

/** The data folder of a command: from the option, the environment, or the default. Absolute. */
export const dataFolder = (context: Context, { data }: PlaceOptions): string =>
  resolve(data ?? (context.env['CHANCERY_DATA'] || 'chancery-data'));

/** The validated configuration, as the service would see it. Throws ConfigError with every fault. */
export async function readConfig(context: Context, { config: file, data, workers }: PlaceOptions): Promise<Config> {
  // Loaded here, so that only commands that need the configuration wait for its schema and for YAML.
  const { loadConfig } = await import('../config/load.ts');
  return loadConfig({
    env: context.env,
    overrides: { ...(data === undefined ? {} : { data }), ...(workers === undefined ? {} : { workers: String(workers) }) },
    ...(file === undefined ? {} : { file }),
  });
}

/** The service's address: --url, CHANCERY_URL, or the https listener of the data folder's configuration. */
export async function serviceUrl(context: Context, options: PlaceOptions & { readonly url?: string }): Promise<URL> {
  const given = options.url ?? context.env['CHANCERY_URL'];
  if (given !== undefined && given !== '') return parseServiceUrl(given);
  const { listen } = await readConfig(context, options);
  return new URL(`https://${reachable(listen.https, 'listen.https', '--url')}`);
}

/** The service's address without TLS: the http listener of the data folder's configuration. */
export async function publishedUrl(context: Context, options: PlaceOptions): Promise<URL> {
  const { listen } = await readConfig(context, options);
  return new URL(`http://${reachable(listen.http, 'listen.http', 'the address of the CRL')}`);
}

/** A `host:port` to connect to. A listener on all addresses is reached through the loopback address. */
function reachable(listener: Listener | 'off', name: string, instead: string): string {
  if (listener === 'off') throw new Failure('unreachable', `${name} is off in the configuration`, { advice: `give ${instead}` });
  if (listener.port === 0) throw new Failure('unreachable', `${name} uses any free port, so its address is not known`, { advice: `give ${instead}, as the service printed it` });
  const host = ({ '0.0.0.0': '127.0.0.1', '::': '::1' } as Record<string, string>)[listener.host] ?? listener.host;
  return `${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
}
