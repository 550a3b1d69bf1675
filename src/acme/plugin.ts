import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../http/app.ts';
import { parseStrictJson } from '../strict-json.ts';
import type { AcmeContext } from './context.ts';
import { replyError } from './error-reply.ts';
import { AcmeError, notFound } from './problem.ts';
import { account, ordersOf } from './routes/account.ts';
import { authorization, challenge, newAuthz } from './routes/authorizations.ts';
import { certificate, issuer } from './routes/certificate.ts';
import { directory, newNonce } from './routes/directory.ts';
import { finalize } from './routes/finalize.ts';
import { keyChange } from './routes/key-change.ts';
import { newAccount } from './routes/new-account.ts';
import { newOrder, order } from './routes/orders.ts';
import { renewalInfo } from './routes/renewal-info.ts';
import { revokeCert } from './routes/revoke-cert.ts';
import { urlsOf } from './urls.ts';

type Handler = (context: AcmeContext, request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** All URLs of a directory, relative to `/acme/{authority}`. */
const ROUTES: readonly { readonly path: string; readonly methods: readonly ('GET' | 'HEAD' | 'POST')[]; readonly handler: Handler }[] = [
  { path: '/directory', methods: ['GET', 'HEAD', 'POST'], handler: directory },
  { path: '/new-nonce', methods: ['GET', 'HEAD'], handler: newNonce },
  { path: '/new-account', methods: ['POST'], handler: newAccount },
  { path: '/new-order', methods: ['POST'], handler: newOrder },
  { path: '/new-authz', methods: ['POST'], handler: newAuthz },
  { path: '/revoke-cert', methods: ['POST'], handler: revokeCert },
  { path: '/key-change', methods: ['POST'], handler: keyChange },
  { path: '/renewal-info/:certId', methods: ['GET', 'HEAD'], handler: renewalInfo },
  { path: '/issuer', methods: ['GET', 'HEAD', 'POST'], handler: issuer },
  { path: '/account/:id', methods: ['POST'], handler: account },
  { path: '/account/:id/orders', methods: ['POST'], handler: ordersOf },
  { path: '/order/:id', methods: ['POST'], handler: order },
  { path: '/order/:id/finalize', methods: ['POST'], handler: finalize },
  { path: '/authz/:id', methods: ['POST'], handler: authorization },
  { path: '/challenge/:id/:type', methods: ['POST'], handler: challenge },
  { path: '/certificate/:serial', methods: ['POST'], handler: certificate },
  { path: '/certificate/:serial/:alternate', methods: ['POST'], handler: certificate },
];

const OTHERS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const JOSE = 'application/jose+json';
/** Upper bound of a request in bytes: a signed order with a thousand names, or a CSR for as many. */
const MOST_BYTES = 262_144;

/** ACME (RFC 8555) for every directory of the context, in a scope of its own. */
export function acmeRoutes(app: App, context: AcmeContext): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(JOSE, { parseAs: 'string', bodyLimit: MOST_BYTES }, (_request, body, parsed) => {
      try {
        parsed(null, parseStrictJson(body as string));
      } catch (error) {
        parsed(error as Error);
      }
    });
    scope.setErrorHandler(replyError);
    scope.setNotFoundHandler((request, reply) => replyError(notFound('thing'), request, reply));
    scope.addHook('onRequest', (request, reply, next) => {
      // RFC 8555 6.1: scripts of any origin may be clients. 6.5, 7.2: responses with nonces must not be cached.
      reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', 'Link, Location, Replay-Nonce, Retry-After');
      reply.header('cache-control', 'no-store');
      const known = context.directories.get((request.params as { readonly authority?: string }).authority ?? '');
      if (known !== undefined) reply.header('link', `<${urlsOf(context.baseUrl(request.headers.host), known.name).directory}>;rel="index"`);
      next();
    });
    // RFC 8555 6.5: a new nonce with every response to a POST, including errors.
    scope.addHook('onSend', (request, reply, payload, next) => {
      if (request.method === 'POST') reply.header('replay-nonce', context.nonces.issue());
      next(null, payload);
    });
    for (const { path, methods, handler } of ROUTES) {
      const url = `/:authority${path}`;
      const schema = { hide: true };
      scope.route({ method: [...methods], url, schema, exposeHeadRoute: false, handler: (request, reply) => handler(context, request, reply) });
      scope.route({
        method: OTHERS.filter((method) => !(methods as readonly string[]).includes(method)), url, schema, exposeHeadRoute: false,
        // The body is ignored, so it needs no parser.
        handler: (_request, reply) => {
          reply.header('allow', methods.join(', '));
          throw new AcmeError('malformed', `Expected ${methods.join(' or ')} here (RFC 8555 6.3).`, { status: 405 });
        },
      });
      scope.options(url, { schema }, (_request, reply) => reply.code(204).header('access-control-allow-methods', methods.join(', ')).header('access-control-allow-headers', 'Content-Type').header('access-control-max-age', '86400').send());
    }
    done();
  }, { prefix: '/acme' });
}
