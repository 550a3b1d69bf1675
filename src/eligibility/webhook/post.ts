import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import { VERSION } from '../../version.ts';
import { WebhookFailed } from './answer.ts';
import type { WebhookEndpoint } from './settings.ts';

/** Upper bound in bytes of an answer's body, and of its head. */
const MOST_BODY = 16_384;
const MOST_HEAD = 16_384;
const MOST_INTERIM = 4;
/** Milliseconds for which certificates and key are used before they are read again. */
const FRESH = 60_000;

export type Post = (headers: Readonly<Record<string, string>>, body: Uint8Array, signal: AbortSignal) => Promise<Buffer>;

/**
 * Sends one question over a connection of its own, and returns the body of an answer with status 200 and type application/json. Redirects are
 * not followed. The address is set by the operator, so private networks are allowed.
 * Throws WebhookFailed, and the reason of `signal` if that fires.
 */
export function poster({ url, ca, cert, key }: WebhookEndpoint): Post {
  const context = fresh(() => createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  }));
  return (headers, body, signal) => new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void => {
      reject(signal.aborted ? signal.reason as Error : new WebhookFailed(why, { cause }));
      call.destroy();
    };
    const options: RequestOptions & Pick<ConnectionOptions, 'secureContext'> = {
      method: 'POST', agent: false, secureContext: context(), maxHeaderSize: MOST_HEAD, signal,
      headers: {
        ...headers, 'content-type': 'application/json', 'content-length': String(body.length), accept: 'application/json', 'accept-encoding': 'identity',
        'user-agent': `chancery/${VERSION}`, connection: 'close',
      },
    };
    const call = request(url, options);
    let interim = 0;
    call.on('information', () => {
      if (++interim > MOST_INTERIM) fail('it sent too many interim answers');
    });
    call.on('upgrade', () => fail('it switched to another protocol'));
    call.on('error', (error: Error & { readonly code?: string }) => fail(`the call failed (${error.code ?? error.message})`, error));
    call.on('response', (response) => {
      const wrong = headFault(response);
      if (wrong !== undefined) return fail(wrong);
      const parts: Buffer[] = [];
      let size = 0;
      response.on('error', (error) => fail('the answer was cut off', error));
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MOST_BODY) return fail(`the answer has more than ${MOST_BODY} bytes`);
        parts.push(part);
      });
      response.on('end', () => (response.complete ? resolve(Buffer.concat(parts)) : fail('the answer was cut off')));
      response.on('close', () => {
        if (!response.complete) fail('the answer was cut off');
      });
    });
    call.end(body);
  });
}

function headFault({ statusCode, headers }: IncomingMessage): string | undefined {
  if (statusCode !== 200) return `it answered with status ${statusCode}; expected 200`;
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(headers['content-type'] ?? '')) {
    return `its answer has the type ${JSON.stringify(headers['content-type']?.slice(0, 64) ?? 'none')}; expected application/json`;
  }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return 'its answer is compressed';
  return undefined;
}

/** Recreates the context after a while, since certificates are renewed in their files. If a file cannot be read, the previous context stays. */
function fresh(make: () => SecureContext): () => SecureContext {
  let made = make();
  let until = performance.now() + FRESH;
  return () => {
    if (performance.now() >= until) {
      until = performance.now() + FRESH;
      try {
        made = make();
      } catch {
        // Probably half-written: the next attempt will find it complete.
      }
    }
    return made;
  };
}
