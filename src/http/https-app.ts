import { Refused } from '../errors.ts';
import { type App, type AppOptions, buildApp } from './app.ts';
import { answerEarly, type EarlyOptions } from './early.ts';
import { rateLimit } from './rate-limit.ts';
import { type AuthorityRoutes, authorityRoutes, AuthorityView, CrlView } from './rest/authorities.ts';
import { apiKeyRoutes, type ApiKeyRoutes, ApiKeyView } from './rest/api-keys.ts';
import { auditRoutes, auditSchemas } from './rest/audit.ts';
import { certificateRoutes, type CertificateRoutes, CertificateView } from './rest/certificates.ts';
import { openApi } from './rest/openapi.ts';
import { revocationEventRoutes, type RevocationEventRoutes } from './rest/revocation-events.ts';
import { renewalRoutes, type RenewalRoutes } from './rest/renewals.ts';
import { OutlookView, RequestView } from './rest/request-schemas.ts';
import { requestRoutes, type RequestRoutes } from './rest/requests.ts';
import { Problem } from './rest/schemas.ts';
import { tokenRoutes, type TokenRoutes, TokenView } from './rest/tokens.ts';
import { authorityCertificateRoutes } from './published/authority-certificates.ts';
import { type CrlRoutes, crlRoutes, earlyCrls } from './published/crls.ts';
import { healthRoutes, type Readiness } from './published/health.ts';
import { earlyOcsp, ocspRoutes, type OcspRoutes } from './published/ocsp.ts';
import type { AuditStore } from '../store/store.ts';
import type { Authentication } from './authentication.ts';
import type { Authority } from '../authority/authority.ts';

/** Public resources, served by both listeners. */
export interface PublishedOptions {
  readonly crls: CrlRoutes;
  readonly authorities: readonly Authority[];
  readonly issuing: Authority;
  readonly readiness: readonly Readiness[];
  readonly ocsp: OcspRoutes;
}

export interface RestOptions {
  readonly requests: RequestRoutes;
  readonly renewals: RenewalRoutes;
  readonly certificates: CertificateRoutes;
  readonly tokens: TokenRoutes;
  readonly apiKeys: ApiKeyRoutes;
  readonly authorities: AuthorityRoutes;
  readonly events: RevocationEventRoutes;
  readonly audit: { readonly store: AuditStore; readonly authentication: Authentication };
  /** Routes of other protocols, each in a scope of its own. */
  readonly doors: readonly ((app: App) => void)[];
}

/** The app of the https listener: everything. */
export async function buildHttpsApp(options: AppOptions, published: PublishedOptions, rest: RestOptions): Promise<App> {
  const perAddress = rateLimit(options.limits.perAddress);
  const app = buildApp({ ...options, perAddress });
  await openApi(app);
  for (const schema of [Problem, RequestView, OutlookView, CertificateView, TokenView, ApiKeyView, AuthorityView, CrlView, ...auditSchemas]) app.addSchema(schema);
  // Separate scopes, since they accept other content types.
  app.register((scope, _options, done) => { requestRoutes(scope, rest.requests); done(); });
  app.register((scope, _options, done) => { renewalRoutes(scope, rest.renewals); done(); });
  certificateRoutes(app, rest.certificates);
  tokenRoutes(app, rest.tokens);
  apiKeyRoutes(app, rest.apiKeys);
  authorityRoutes(app, rest.authorities);
  auditRoutes(app, rest.audit);
  revocationEventRoutes(app, rest.events);
  for (const door of rest.doors) door(app);
  publishedRoutes(app, published, { ...options, perAddress });
  await app.ready();
  return app;
}

/** The app of the http listener: only what must be reachable without TLS. `httpsUrl` is a function because a free port is only known later. */
export async function buildHttpApp(options: AppOptions, published: PublishedOptions, httpsUrl: () => string): Promise<App> {
  const perAddress = rateLimit(options.limits.perAddress);
  const app = buildApp({ ...options, perAddress });
  publishedRoutes(app, published, { ...options, perAddress });
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  for (const path of ['/v1/*', '/acme/*', '/api/*']) app.all(path, () => {
    throw new Refused('tls-required', `This call is served over TLS only: ${httpsUrl()}. The request was ignored; a credential that was sent here in clear should be replaced.`);
  });
  await app.ready();
  return app;
}

function publishedRoutes(app: App, { crls, authorities, issuing, readiness, ocsp }: PublishedOptions, options: AppOptions & EarlyOptions): void {
  crlRoutes(app, crls);
  authorityCertificateRoutes(app, { authorities, issuing });
  healthRoutes(app, readiness);
  if (ocsp.responders.size > 0) app.register((scope, _options, done) => { ocspRoutes(scope, ocsp); done(); });
  if (!options.logRequests) answerEarly(app, [earlyOcsp(ocsp), earlyCrls(crls)], options);
}
