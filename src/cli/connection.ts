import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { keyPairFrom } from '../agent/key.ts';
import { authoritiesFolder } from '../authority/layout.ts';
import { type ChanceryClient, type Credentials, openClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import { isThere } from '../is-there.ts';
import { JSON_OPTION } from './arguments.ts';
import type { Context } from './context.ts';
import { DATA_OPTION, type PlaceOptions, dataFolder, serviceUrl } from './settings.ts';

export interface ConnectionOptions extends PlaceOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Adds the options of a command that talks to a running service as an operator. */
export const withConnection = (command: Command): Command => command
  .option('--url <address>', 'the service (default: CHANCERY_URL, or the https listener in <data>/chancery.yaml)')
  .option('--ca <file>', 'the root certificate to trust the service by (default: <data>/root.pem)')
  .option('--cert <file>', 'operator certificate (default: <data>/operator/cert.pem, unless CHANCERY_API_KEY is set)')
  .option('--key <file>', 'its key (default: <data>/operator/key.pem)')
  .option(...DATA_OPTION)
  .option(...JSON_OPTION);

/** Opens a client, passes it to `use`, and closes it. `credentials` defaults to the operator's. */
export async function withClient<T>(context: Context, options: ConnectionOptions, use: (client: ChanceryClient) => Promise<T>, credentials?: Credentials): Promise<T> {
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new Failure('usage', `--${options.cert === undefined ? 'key' : 'cert'} is given alone`, { advice: 'give --cert and --key together' });
  }
  const client = openClient({
    url: await serviceUrl(context, options),
    roots: [trustedRoots(context, options)],
    credentials: credentials ?? operatorCredentials(context, options),
  });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** The root certificates (PEM) by which the service is trusted: from --ca, or the data folder. Throws Failure `file`. */
export function trustedRoots(context: Context, options: Pick<ConnectionOptions, 'ca' | 'data'>): string {
  const file = options.ca ?? join(dataFolder(context, options), 'root.pem');
  if (options.ca === undefined && !isThere(file)) {
    const here = existsSync(authoritiesFolder(dataFolder(context, options)));
    throw new Failure('file', `no root certificate to trust the service by: ${file} does not exist`, {
      advice: here ? 'the service makes it when it starts; or give it with --ca FILE' : 'give it with --ca FILE, or the data folder with --data',
    });
  }
  const text = readFileSync(file, 'latin1');
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Failure('file', `${file} holds no certificate`, { advice: 'expected PEM' });
  return text;
}

function operatorCredentials(context: Context, options: ConnectionOptions): Credentials {
  if (options.cert !== undefined && options.key !== undefined) return certificateCredentials(options.cert, options.key);
  const apiKey = context.env['CHANCERY_API_KEY']?.trim();
  if (apiKey !== undefined && apiKey !== '') return { kind: 'bearer', secret: wellFormed(apiKey) };
  const folder = join(dataFolder(context, options), 'operator');
  const missing = [join(folder, 'cert.pem'), join(folder, 'key.pem')].find((file) => !isThere(file));
  if (missing !== undefined) {
    throw new Failure('no-credentials', `no operator credentials: ${missing} does not exist`, {
      advice: 'give --cert and --key, or CHANCERY_API_KEY, or the data folder with --data',
    });
  }
  return certificateCredentials(join(folder, 'cert.pem'), join(folder, 'key.pem'));
}

/** Checks both files here, since TLS would only report that one of them is wrong. Throws Failure `file`. */
function certificateCredentials(certificateFile: string, keyFile: string): Credentials {
  const [certificate, key] = [readFileSync(certificateFile, 'latin1'), readFileSync(keyFile, 'latin1')];
  const { privateKey } = keyPairFrom(key, keyFile);
  if (!certificateIn(certificate, certificateFile).checkPrivateKey(privateKey)) {
    throw new Failure('file', `${keyFile} is not the key of ${certificateFile}`, { advice: 'give a matching pair; if they are those of the data folder, \'chancery init --operator\' makes others' });
  }
  return { kind: 'certificate', certificate, key };
}

function certificateIn(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Failure('file', `${file} holds no certificate`, { advice: 'expected PEM', cause: error });
  }
}

// Also prevents a line feed in the variable from starting another header. The value is a secret, so it is not shown.
function wellFormed(apiKey: string): string {
  if (!/^CHYKEY-1-[a-z2-7]+-[a-z2-7]+$/.test(apiKey)) {
    throw new Failure('no-credentials', 'CHANCERY_API_KEY holds no API key', { advice: 'expected CHYKEY-1-<id>-<secret>, as \'chancery key create\' printed it' });
  }
  return apiKey;
}
