import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { CallFailed } from './call-failed.ts';
import type { Dial } from './dial.ts';
import { openTls } from './open-tls.ts';

/** Bytes of a response head; interim responses (RFC 9110 15.2) before the final one. */
const MOST_HEAD = 8_192;
const MOST_INTERIM = 5;

export interface Got {
  readonly status: number;
  readonly location?: string;
  /** Not read for a redirect. */
  readonly body: Buffer;
}

export interface GetOptions {
  /** Bytes of the body. One more may be returned, to show that there is more. */
  readonly mostBody: number;
  /** As in `openTls`. */
  readonly trust?: { readonly ca: string | undefined };
  /** In addition to those that every call has. */
  readonly headers?: Readonly<Record<string, string>>;
}

const REDIRECTS = [301, 302, 303, 307, 308];
export const isRedirect = ({ status }: Pick<Got, 'status'>): boolean => REDIRECTS.includes(status);

/**
 * GETs a URL over a connection of its own: no redirects, no cookies or credentials except in `headers`, no compression, no proxy. Throws CallFailed, and
 * the reason of `signal` if that fires.
 */
export async function httpGet(dial: Dial, url: URL, options: GetOptions, signal: AbortSignal): Promise<Got> {
  const { trust } = options;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = url.protocol === 'https:';
  const socket = await dial(host, Number(url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port), signal);
  // The request's own `signal` option would cost a tenth of the call.
  const stop = (): void => void socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    return await read(isSecure ? await openTls(socket, { serverName: host, protocols: ['http/1.1'], ...(trust && { trust }) }, signal) : socket, url, options, signal);
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

export const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

const read = (socket: Socket, url: URL, { mostBody, headers }: GetOptions, signal: AbortSignal): Promise<Got> => new Promise((resolve, reject) => {
  const call = request({
    createConnection: () => socket, method: 'GET', path: `${url.pathname}${url.search}`, setHost: false, maxHeaderSize: MOST_HEAD,
    headers: { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'chancery', connection: 'close', ...headers },
  });
  const fail = (why: string, options: ErrorOptions & { readonly again?: boolean } = {}): void => {
    reject(signal.aborted ? signal.reason as Error : new CallFailed('connection', `${url.href}: ${why}`, options));
    call.destroy();
    socket.destroy();
  };
  let interim = 0;
  call.on('information', () => {
    if (++interim > MOST_INTERIM) fail('too many interim answers');
  });
  call.on('error', (error: Error & { readonly code?: string }) => fail(reason(error), { cause: error, again: error.code === 'ECONNRESET' }));
  call.on('upgrade', () => fail('the server switched to another protocol'));
  call.on('response', (response: IncomingMessage) => {
    const status = response.statusCode ?? 0;
    const location = response.headers.location;
    const parts: Buffer[] = [];
    let size = 0;
    const done = (): void => {
      resolve({ status, ...(location === undefined ? {} : { location }), body: Buffer.concat(parts) });
      call.destroy();
    };
    response.on('error', (error) => fail(reason(error), { cause: error, again: true }));
    if (isRedirect({ status })) return done();
    response.on('data', (part: Buffer) => {
      // One byte more than wanted shows that there is more; the rest is not read.
      parts.push(part.subarray(0, mostBody + 1 - size));
      size += part.length;
      if (size > mostBody) done();
    });
    response.on('end', done);
    response.on('close', () => {
      if (!response.complete) fail('the server closed the connection in the middle of its answer', { again: true });
    });
  });
  call.end();
});

function reason(error: Error & { readonly code?: string }): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return `the head of the answer is longer than ${MOST_HEAD} bytes`;
  if (error.code?.startsWith('HPE_') === true) return 'what the server sent is not HTTP';
  return 'the server closed the connection before it answered';
}
