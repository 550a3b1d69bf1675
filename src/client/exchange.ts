import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest, type Agent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { connectionFailure } from './connection-failure.ts';
import { Failure } from './failure.ts';

/** The largest reply accepted, in bytes: a page of the audit log is far below it. */
const MOST_REPLY = 8 * 1024 * 1024;
/** Limits for a period without a byte and for the whole exchange, in milliseconds. */
const IDLE = 15_000;
const WHOLE = 60_000;

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Milliseconds for which the service may deliberately hold its reply (`Prefer: wait`). */
  readonly held?: number;
  readonly mostReply?: number;
  /** Milliseconds for the whole exchange, where it may take long. */
  readonly whole?: number;
  /** The agent whose connections are used; `false` for a connection of its own. */
  readonly agent?: Agent | false;
  readonly tls?: Pick<RequestOptions, 'rejectUnauthorized'>;
  /** Called with the connection when the head of the reply has arrived. */
  readonly onSocket?: (socket: Socket) => void;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * One request and its whole reply, over https or http, bounded in size and time. Redirects are not followed.
 * Throws Failure: unreachable, timeout, untrusted, wrong-host, bad-reply (too large).
 */
export const exchange = (what: Exchange): Promise<Reply> => new Promise((resolve, reject) => {
  const held = what.held ?? 0;
  const most = what.mostReply ?? MOST_REPLY;
  const send = what.url.protocol === 'http:' ? httpRequest : httpsRequest;
  const call = send(what.url, {
    method: what.method,
    headers: { ...what.headers, ...(what.body === undefined ? {} : { 'content-length': Buffer.byteLength(what.body) }) },
    timeout: IDLE + held,
    ...(what.agent === undefined ? {} : { agent: what.agent }),
    ...what.tls,
  });
  const limit = (what.whole ?? WHOLE) + held;
  const whole = setTimeout(() => call.destroy(lateFailure(what.url, limit)), limit);
  const fail = (error: Error): void => {
    clearTimeout(whole);
    reject(error instanceof Failure ? error : connectionFailure(what.url, error));
  };
  call.on('timeout', () => call.destroy(lateFailure(what.url, IDLE + held)));
  call.on('error', fail);
  call.on('response', (response) => {
    const parts: Buffer[] = [];
    let size = 0;
    what.onSocket?.(response.socket);
    response.on('data', (part: Buffer) => {
      size += part.length;
      if (size > most) call.destroy(new Failure('bad-reply', `the reply of ${what.url.origin} is larger than ${most} bytes`));
      else parts.push(part);
    });
    response.on('error', fail);
    // Without this, a truncated reply would never settle.
    response.on('close', () => {
      if (!response.complete) fail(new Failure('unreachable', `${what.url.origin} closed the connection in the middle of its reply`, { advice: 'try again' }));
    });
    response.on('end', () => {
      clearTimeout(whole);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
    });
  });
  call.end(what.body);
});

const lateFailure = (url: URL, time: number): Failure => new Failure('timeout', `${url.origin} did not answer within ${Math.round(time / 1000)} s`, {
  advice: 'try again, or look at the service\'s log',
});
