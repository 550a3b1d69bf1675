import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { App } from '../app.ts';
import { VERSION } from '../../version.ts';

const TAGS: Readonly<Record<string, string>> = {
  requests: 'A CSR in, and what becomes of it',
  certificates: 'What was issued: search, fetch, revoke',
  tokens: 'Enrolment tokens, for nodes',
  'api-keys': 'What operators\' programs authenticate with',
  acme: 'Accounts, orders and external account keys of ACME, for operators; where `acme.enabled` is set',
  authorities: 'Who signs here',
  audit: 'The chained log of every act',
  published: 'What everybody may read, also without TLS',
};

/** Content Security Policy: everything on the page comes from this service; only small images are inlined (`data:`). */
const POLICY = "default-src 'self'; base-uri 'self'; font-src 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self'";

/** OpenAPI 3.1 at `/openapi.json`, generated from the routes that follow, and documentation pages at `/docs`. */
export async function openApi(app: App): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Chancery', version: VERSION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
        description: 'A certificate authority: CSR in, certificate out, revocation for everyone. Errors are problem documents (RFC 9457) whose `type` is `urn:chancery:error:<code>`.',
      },
      servers: [{ url: '/' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An enrolment token (CHYTKN-1-…), an API key (CHYKEY-1-…), or a token of a configured OpenID Connect issuer (a JWT)' },
          // The types of @fastify/swagger only cover OpenAPI 3.0.
          clientCertificate: { type: 'mutualTLS', description: 'A certificate issued here' } as never,
        },
      },
    },
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === 'string' ? $id : `def-${index}`) },
  });
  await app.register(fastifySwaggerUi, { routePrefix: '/docs', staticCSP: POLICY, theme: { title: 'Chancery' }, uiConfig: { deepLinking: true } });
  // For users who open the address that the service prints in a browser.
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'));
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.header('cache-control', 'no-cache').send(app.swagger()));
}
