import type { FastifyRequest } from 'fastify';
import type { App } from '../http/app.ts';
import { parseStrictJson } from '../strict-json.ts';
import type { CfsslContext } from './context.ts';
import { succeeded } from './envelope.ts';
import { CfsslRefusal, replyError, sentFor } from './refusal.ts';
import { authsign } from './routes/authsign.ts';
import { bundle } from './routes/bundle.ts';
import { crl } from './routes/crl.ts';
import { info } from './routes/info.ts';
import { revoke } from './routes/revoke.ts';
import { sign } from './routes/sign.ts';

type Handler = (context: CfsslContext, request: FastifyRequest) => unknown;

interface Call {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly handler: Handler;
}

/** What SwarmKit needs. */
export const SIGN_ALONE: readonly Call[] = [{ name: 'sign', method: 'POST', handler: sign }];

export const ALL_CALLS: readonly Call[] = [
  ...SIGN_ALONE,
  { name: 'authsign', method: 'POST', handler: authsign },
  { name: 'info', method: 'POST', handler: info },
  { name: 'revoke', method: 'POST', handler: revoke },
  { name: 'crl', method: 'GET', handler: crl },
  { name: 'bundle', method: 'POST', handler: bundle },
];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** cfssl's HTTP API, in a scope of its own: results and refusals alike use its envelope. */
export function cfsslRoutes(app: App, context: CfsslContext, calls: readonly Call[]): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // cfssl accepts any content type, and its documentation sends JSON with curl's default one.
    scope.addContentTypeParser(['application/json', 'application/x-www-form-urlencoded'], { parseAs: 'string' }, (_request, body, parsed) => {
      try {
        parsed(null, parseStrictJson(body as string));
      } catch (error) {
        parsed(error as Error);
      }
    });
    scope.setErrorHandler(replyError);
    scope.addHook('onRequest', (request, reply, next) => {
      reply.header('cache-control', 'no-store');
      // A web page could make a browser send such a body, with the certificate of its user. No client of cfssl sends an Origin.
      next(request.headers.origin === undefined ? undefined : new CfsslRefusal(403, 'calls from web pages are not accepted'));
    });
    for (const { name, method, handler } of calls) {
      scope.route({
        method, url: `/${name}`, schema: { hide: true }, exposeHeadRoute: false,
        handler: async (request) => {
          try {
            const envelope = succeeded(await handler(context, request));
            context.counted(name, 'done');
            return envelope;
          } catch (error) {
            context.counted(name, sentFor(error).status >= 500 ? 'failed' : 'refused');
            throw error;
          }
        },
      });
      scope.route({
        method: METHODS.filter((other) => other !== method), url: `/${name}`, schema: { hide: true }, exposeHeadRoute: false,
        handler: (request, reply) => {
          reply.header('allow', method);
          throw new CfsslRefusal(405, `Method is not allowed:"${request.method}"`);
        },
      });
    }
    done();
  }, { prefix: '/api/v1/cfssl' });
}
