import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { App } from './app.ts';
import type { RateLimit } from './rate-limit.ts';

/** A complete response. */
export interface EarlyReply {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** Absent for 304. */
  readonly body?: Buffer;
}

/**
 * A route for responses that are requested thousands of times per second and served from memory: it is tried before Fastify, which alone would
 * take longer than all the rest. An early route handles only what it can answer with 200 or 304; everything else (refusals, errors, other
 * methods) is left to the regular routes of the same path, which must be able to give the same responses.
 * @returns undefined, without side effects, to leave the request to the routes; otherwise a function that produces the response and never rejects
 */
export type EarlyRoute = (request: IncomingMessage) => (() => EarlyReply | Promise<EarlyReply>) | undefined;

export interface EarlyOptions {
  readonly perAddress: RateLimit;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly replied?: ((status: number) => void) | undefined;
}

/** Installs early routes before an app's own, with the same limits and headers. Not used if calls are logged, which Fastify does. */
export function answerEarly(app: App, routes: readonly EarlyRoute[], { perAddress, clock, replied }: EarlyOptions): void {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  const send = (response: ServerResponse, { status, headers, body }: EarlyReply): void => {
    // The client may have gone while its response was being signed.
    if (response.destroyed) return;
    response.writeHead(status, ['x-content-type-options', 'nosniff', 'x-request-id', randomUUID(), ...headers, ...(body === undefined ? [] : ['content-length', String(body.length)])]);
    response.end(body);
    replied?.(status);
  };
  const early: RequestListener = (request, response) => {
    const make = closing ? undefined : madeBy(routes, request);
    // Rate-limited callers are refused by the hook that all calls pass.
    if (make === undefined || perAddress.take(request.socket.remoteAddress ?? '', clock()) > 0) {
      for (const late of listeners) late.call(app.server, request, response);
      return;
    }
    const reply = make();
    if (reply instanceof Promise) void reply.then((made) => send(response, made));
    else send(response, reply);
  };
  const listeners = app.server.listeners('request') as RequestListener[];
  app.server.removeAllListeners('request').on('request', early);
}

function madeBy(routes: readonly EarlyRoute[], request: IncomingMessage): ReturnType<EarlyRoute> {
  for (const route of routes) {
    const make = route(request);
    if (make !== undefined) return make;
  }
  return undefined;
}
