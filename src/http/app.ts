import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, ServerOptions as TlsOptions } from 'node:https';
import fastify, { type FastifyBaseLogger, type FastifyHttpsOptions, type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import { Refused } from '../errors.ts';
import { errorHandler, PROBLEM_TYPE, problemOf, sendProblem } from './problem.ts';
import { type RateLimit, rateLimit } from './rate-limit.ts';
import { turnedOff } from './turned-off.ts';
import { parseStrictJson } from '../strict-json.ts';

export interface AppLimits {
  /** Bytes. */
  readonly body: number;
  readonly connections: number;
  /** Seconds within which a request must have arrived completely. */
  readonly requestTime: number;
  /** Calls per minute and address; 0 for no limit. */
  readonly perAddress: number;
}

export interface AppOptions {
  readonly limits: AppLimits;
  readonly logger: FastifyBaseLogger;
  readonly logRequests: boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly tls?: TlsOptions;
  /** Overrides the limiter derived from `limits.perAddress`. */
  readonly perAddress?: RateLimit;
  /** Called with the status of every response. */
  readonly replied?: (status: number) => void;
}

export type App = FastifyInstance;

const KEEP_ALIVE = 72_000;
const MOST_HEADER_BYTES = 16_384;

/**
 * Creates a Fastify instance with the service's limits and error responses, and no routes. Everything that clients control is bounded: body,
 * headers, parameters, time, connections. Fastify's defaults would let a body stall for ever, drop unknown members and coerce types.
 */
export function buildApp({ limits, logger, logRequests, clock, tls, perAddress = rateLimit(limits.perAddress), replied }: AppOptions): App {
  const options: FastifyServerOptions = {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: !logRequests }),
    // A child logger per call costs as much as parsing a CSR, so it is created only if calls are logged.
    ...(logRequests ? {} : { childLoggerFactory: (parent) => parent }),
    bodyLimit: limits.body,
    requestTimeout: limits.requestTime * 1000,
    keepAliveTimeout: KEEP_ALIVE,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 8192, ignoreTrailingSlash: false, caseSensitive: true },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true, strict: false } },
    clientErrorHandler: refuseBrokenRequest,
    frameworkErrors: (error, request, reply) => errorHandler(error, request, reply),
  };
  // A connection that never completes TLS is closed like one that never sends a request.
  const secured = { ...tls, handshakeTimeout: limits.requestTime * 1000 };
  const server = { headersTimeout: limits.requestTime * 1000, maxHeaderSize: MOST_HEADER_BYTES, connectionsCheckingInterval: 2000 };
  const app = (tls === undefined ? fastify({ ...options, http: server }) : fastify<Server>({ ...options, https: { ...secured, ...server } } as unknown as FastifyHttpsOptions<Server>)) as unknown as App;
  app.server.maxConnections = limits.connections;
  app.server.on('checkExpectation', refuseExpectation);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseStrictJson(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
  app.setErrorHandler(errorHandler);
  app.setNotFoundHandler((request, reply) => {
    const others = otherMethods(app, request.method, request.url);
    if (others.length === 0) {
      const off = turnedOff(pathOf(request.url), (method, url) => app.findRoute({ method, url }) !== null);
      return sendProblem(reply, new Refused('not-found', off ?? 'There is nothing at this path.'));
    }
    // RFC 9110 15.5.6: a 405 response lists the allowed methods.
    return sendProblem(reply.header('allow', others.join(', ')), new Refused('method-not-allowed', `${request.method} is not allowed here; expected ${others.join(' or ')}.`));
  });
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff').header('x-request-id', request.id);
    const seconds = perAddress.take(request.ip, clock());
    done(seconds > 0 ? new Refused('rate-limited', 'Too many calls from this address.', { retryAfter: seconds }) : undefined);
  });
  if (replied !== undefined) {
    app.addHook('onResponse', (_request, reply, done) => {
      replied(reply.statusCode);
      done();
    });
  }
  return app;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'] as const;

/** Other methods for which the path has a route. */
function otherMethods(app: App, method: string, url: string): readonly string[] {
  return METHODS.filter((other) => other !== method && app.findRoute({ method: other, url: pathOf(url) }) !== null);
}

const pathOf = (url: string): string => url.split('?', 1)[0] ?? '/';

/** RFC 9110 10.1.1: 100-continue is the only expectation supported. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const problem = problemOf(new Refused('header-invalid', 'The Expect header says something other than 100-continue.'));
  response.writeHead(problem.status, { 'content-type': PROBLEM_TYPE, connection: 'close' }).end(JSON.stringify(problem));
}

const BROKEN: Readonly<Record<string, Refused>> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Refused('request-timeout', 'The request did not arrive in time.'),
  HPE_HEADER_OVERFLOW: new Refused('headers-too-large', 'The headers are larger than 16 KiB.'),
};

/** Responds on the bare socket to input that never became a request. */
const refuseBrokenRequest: NonNullable<FastifyServerOptions['clientErrorHandler']> = (error, socket) => {
  // Without a completed handshake there is no way to respond.
  if (error.code === 'ECONNRESET' || /^ERR_(TLS|SSL)_/.test(error.code) || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const refused = BROKEN[error.code] ?? new Refused('header-invalid', 'The request is not valid HTTP/1.1.');
  const problem = problemOf(refused);
  const body = JSON.stringify(problem);
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
};
