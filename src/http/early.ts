import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { App } from './app.ts';
import type { RateLimit } from './rate-limit.ts';

/** A reply, whole. */
export interface EarlyReply {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** Absent with 304. */
  readonly body?: Buffer;
}

/**
 * What is asked for thousands of times a second, and answered from memory, is answered before Fastify, which would take longer than all
 * the rest. An early route takes only what it can answer with 200 or 304; whatever else there is to be said (refusals, faults, other
 * methods) is said by the routes of the same path, so each early route has one beside it that could do the same.
 * @returns undefined, having touched nothing, where the routes shall answer; else what makes the reply, and never rejects
 */
export type EarlyRoute = (request: IncomingMessage) => (() => EarlyReply | Promise<EarlyReply>) | undefined;

export interface EarlyOptions {
  readonly perAddress: RateLimit;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly replied?: ((status: number) => void) | undefined;
}

/** Puts early routes before an app's own, under the same limits, with the same headers. Not where each call is logged: that is Fastify's. */
export function answerEarly(app: App, routes: readonly EarlyRoute[], { perAddress, clock, replied }: EarlyOptions): void {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  const send = (response: ServerResponse, { status, headers, body }: EarlyReply): void => {
    // A client may have gone while its answer was signed.
    if (response.destroyed) return;
    response.writeHead(status, ['x-content-type-options', 'nosniff', 'x-request-id', randomUUID(), ...headers, ...(body === undefined ? [] : ['content-length', String(body.length)])]);
    response.end(body);
    replied?.(status);
  };
  const early: RequestListener = (request, response) => {
    const make = closing ? undefined : madeBy(routes, request);
    // Who calls too often is refused by the hook that all calls go through.
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
