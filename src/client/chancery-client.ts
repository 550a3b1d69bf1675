import { X509Certificate, createPrivateKey, randomUUID } from 'node:crypto';
import { Agent } from 'node:https';
import { under } from './address.ts';
import type { CallApi, CallOf } from './api.ts';
import { exchange, type Reply } from './exchange.ts';
import { Failure } from './failure.ts';
import { ProblemFailure, toProblem } from './problem.ts';
import type {
  AcmeAccountReply, AcmeOrderReply, ApiKeyReply, AttestedNodeReply, AuditReply, AuthorityReply, CertificateReply, CrlReply, EabKeyReply, HoldingReply,
  PageReply, RenewalCampaignReply, RenewalInfoReply, RequestReply, SwarmReply, TokenReply,
} from './replies.ts';

/** How the caller authenticates: with a client certificate in the handshake, a bearer credential (API key or token), or not at all. */
export type Credentials =
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'bearer'; readonly secret: string }
  | { readonly kind: 'none' };

export interface ClientOptions {
  readonly url: URL;
  /** Root certificates (PEM) that the service's own certificate must chain to. The system's roots are not used. */
  readonly roots: readonly string[];
  readonly credentials: Credentials;
}

export interface RequestQuestion {
  readonly csr: string;
  readonly profile?: string;
  readonly names?: readonly string[];
  /** A duration such as `30d`. */
  readonly validity?: string;
}

/** When a certificate is best renewed, and after how many seconds to ask again. */
export interface RenewalInfo extends RenewalInfoReply {
  readonly retryAfter: number | undefined;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The native REST API, with one method for each call. Every method throws Failure (connection, reply) or ProblemFailure (refusal). */
export interface ChanceryClient {
  readonly url: URL;
  /** The serial number of the client certificate in use. */
  readonly serial: string | undefined;
  /** Any call of the API, by its method and path as named in the OpenAPI document. */
  readonly call: CallApi;
  createRequest(question: RequestQuestion): Promise<RequestReply>;
  renew(question: Pick<RequestQuestion, 'csr' | 'validity'>): Promise<RequestReply>;
  /** With `wait`, the service holds its reply for that many seconds, or until the state changes. */
  getRequest(id: string, wait?: number): Promise<RequestReply>;
  listRequests(query: Query): Promise<PageReply<RequestReply>>;
  decideRequest(id: string, decision: 'approve' | 'deny', reason: string): Promise<RequestReply>;
  getCertificate(serial: string): Promise<CertificateReply>;
  listCertificates(query: Query): Promise<PageReply<CertificateReply>>;
  /** `proof`: a CSR (PEM) signed by the certificate's own key, instead of credentials. */
  revokeCertificate(serial: string, reason: string | undefined, proof?: string): Promise<CertificateReply>;
  releaseCertificate(serial: string): Promise<CertificateReply>;
  /** Who holds a name or a key. */
  getHolding(thing: { readonly name: string } | { readonly key: string }): Promise<HoldingReply>;
  releaseHolding(thing: { readonly name: string } | { readonly key: string }, reason: string): Promise<HoldingReply>;
  /** When a certificate is best renewed. */
  renewalInfo(serial: string): Promise<RenewalInfo>;
  createRenewalCampaign(campaign: CallOf<'post', '/v1/renewal-campaigns'>['body']): Promise<RenewalCampaignReply>;
  listRenewalCampaigns(): Promise<PageReply<RenewalCampaignReply>>;
  endRenewalCampaign(id: string): Promise<RenewalCampaignReply>;
  createToken(token: CallOf<'post', '/v1/tokens'>['body']): Promise<TokenReply>;
  createEabKey(key: CallOf<'post', '/v1/acme/eab-keys'>['body']): Promise<EabKeyReply>;
  listEabKeys(query: Query): Promise<PageReply<EabKeyReply>>;
  revokeEabKey(id: string): Promise<EabKeyReply>;
  listAcmeAccounts(query: Query): Promise<PageReply<AcmeAccountReply>>;
  revokeAcmeAccount(id: string): Promise<AcmeAccountReply>;
  listAcmeOrders(query: Query): Promise<PageReply<AcmeOrderReply>>;
  getAcmeOrder(id: string): Promise<AcmeOrderReply>;
  registerSwarm(swarm: { readonly clusterId: string; readonly root: string }): Promise<SwarmReply>;
  listSwarms(query: Query): Promise<PageReply<SwarmReply>>;
  /** Removes one root, given by its SHA-256, or all of them. */
  unregisterSwarm(clusterId: string, root: string | undefined): Promise<SwarmReply>;
  openSwarmGrace(clusterId: string, duration: string | undefined): Promise<SwarmReply>;
  closeSwarmGrace(clusterId: string): Promise<SwarmReply>;
  listTokens(query: Query): Promise<PageReply<TokenReply>>;
  revokeToken(id: string): Promise<TokenReply>;
  listAttestations(query: Query): Promise<PageReply<AttestedNodeReply>>;
  releaseAttestation(id: string): Promise<AttestedNodeReply>;
  createApiKey(key: CallOf<'post', '/v1/api-keys'>['body']): Promise<ApiKeyReply>;
  listApiKeys(query: Query): Promise<PageReply<ApiKeyReply>>;
  revokeApiKey(id: string): Promise<ApiKeyReply>;
  listAuthorities(): Promise<PageReply<AuthorityReply>>;
  revokeAuthority(name: string, reason: string): Promise<AuthorityReply>;
  publishCrl(authority: string): Promise<CrlReply>;
  listAudit(query: Query): Promise<AuditReply>;
  close(): void;
}

interface Call {
  readonly query?: Query;
  readonly body?: object;
  /** Seconds for `Prefer: wait`. */
  readonly wait?: number;
  /** Whether the call is idempotent, so that it is repeated if the reply is lost. */
  readonly repeatable?: boolean;
  /** For a creating call; random if absent. */
  readonly idempotencyKey?: string | undefined;
}

/** Opens a client for one service. Connections are kept until `close`. Throws Failure `no-credentials` if certificate and key do not match. */
export function openClient({ url, roots, credentials }: ClientOptions): ChanceryClient {
  const serial = credentials.kind === 'certificate' ? checkPair(credentials) : undefined;
  const agent = new Agent({
    keepAlive: true,
    ca: [...roots],
    ...(credentials.kind === 'certificate' ? { cert: credentials.certificate, key: credentials.key } : {}),
  });
  const authorization: Record<string, string> = credentials.kind === 'bearer' ? { authorization: `Bearer ${credentials.secret}` } : {};

  async function send(method: string, path: string, call: Call): Promise<Reply> {
    const what = {
      method,
      url: under(url, path, call.query),
      agent,
      held: (call.wait ?? 0) * 1000,
      headers: {
        accept: 'application/json, application/problem+json',
        ...authorization,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(call.wait === undefined ? {} : { prefer: `wait=${call.wait}` }),
        ...(method === 'POST' && call.repeatable === true ? { 'idempotency-key': call.idempotencyKey ?? randomUUID() } : {}),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    };
    try {
      return await exchange(what);
    } catch (error) {
      if (call.repeatable === true && wasCutOff(error)) return exchange(what);
      throw error;
    }
  }

  const json = async <T>(method: string, path: string, call: Call = {}): Promise<T> => bodyOf(url, await send(method, path, call)) as T;

  async function page<T extends PageReply<unknown>>(path: string, query: Query): Promise<T> {
    const reply = await json<T>('GET', path, { query, repeatable: true });
    if (!Array.isArray(reply.items)) throw new Failure('bad-reply', `the reply of ${url.origin} to ${path} has no list of items`);
    return reply;
  }

  const call: CallApi = (method, template, ...[given]) => {
    const { path = {}, query, body, wait, idempotencyKey }: AnyCall = given ?? {};
    return json(method.toUpperCase(), filled(template, path), {
      repeatable: method === 'get' || idempotencyKey !== undefined, idempotencyKey,
      ...(query === undefined ? {} : { query }), ...(body === undefined ? {} : { body }), ...(wait === undefined ? {} : { wait }),
    });
  };

  return {
    url,
    serial,
    call,
    // Without dryRun the reply is a request.
    createRequest: (question) => call('post', '/v1/requests', { body: question, idempotencyKey: randomUUID() }) as Promise<RequestReply>,
    renew: (question) => call('post', '/v1/renewals', { body: question, idempotencyKey: randomUUID() }),
    getRequest: (id, wait) => call('get', '/v1/requests/{id}', { path: { id }, ...(wait === undefined ? {} : { wait }) }),
    listRequests: (query) => page('/v1/requests', query),
    decideRequest: (id, decision, reason) => json('POST', `/v1/requests/${encodeURIComponent(id)}/${decision}`, { body: { reason } }),
    getCertificate: (serial) => call('get', '/v1/certificates/{serial}', { path: { serial } }),
    listCertificates: (query) => page('/v1/certificates', query),
    revokeCertificate: (serial, reason, proof) =>
      json('POST', `/v1/certificates/${encodeURIComponent(serial)}/revoke`, { body: { ...(reason === undefined ? {} : { reason }), ...(proof === undefined ? {} : { proof }) } }),
    releaseCertificate: (serial) => call('post', '/v1/certificates/{serial}/release', { path: { serial }, body: {} }),
    getHolding: (thing) => json('GET', '/v1/holdings', { query: { ...thing } }),
    releaseHolding: (thing, reason) => json('POST', '/v1/holdings/release', { body: { ...thing, reason } }),
    renewalInfo: async (serial) => {
      const reply = await send('GET', `/v1/certificates/${encodeURIComponent(serial)}/renewal-info`, { repeatable: true });
      return { ...(bodyOf(url, reply) as RenewalInfoReply), retryAfter: retryAfter(reply) };
    },
    createRenewalCampaign: (campaign) => call('post', '/v1/renewal-campaigns', { body: campaign, idempotencyKey: randomUUID() }),
    listRenewalCampaigns: () => page('/v1/renewal-campaigns', {}),
    endRenewalCampaign: (id) => call('delete', '/v1/renewal-campaigns/{id}', { path: { id } }),
    createToken: (token) => call('post', '/v1/tokens', { body: token, idempotencyKey: randomUUID() }),
    listTokens: (query) => page('/v1/tokens', query),
    createEabKey: (key) => call('post', '/v1/acme/eab-keys', { body: key }),
    listEabKeys: (query) => page('/v1/acme/eab-keys', query),
    revokeEabKey: (id) => call('delete', '/v1/acme/eab-keys/{id}', { path: { id } }),
    listAcmeAccounts: (query) => page('/v1/acme/accounts', query),
    revokeAcmeAccount: (id) => call('post', '/v1/acme/accounts/{id}/revoke', { path: { id }, body: {} }),
    listAcmeOrders: (query) => page('/v1/acme/orders', query),
    getAcmeOrder: (id) => call('get', '/v1/acme/orders/{id}', { path: { id } }),
    registerSwarm: (swarm) => call('post', '/v1/swarms', { body: swarm, idempotencyKey: randomUUID() }),
    listSwarms: (query) => page('/v1/swarms', query),
    unregisterSwarm: (clusterId, root) => call('delete', '/v1/swarms/{clusterId}', { path: { clusterId }, query: root === undefined ? {} : { root } }),
    openSwarmGrace: (clusterId, duration) => call('post', '/v1/swarms/{clusterId}/grace', { path: { clusterId }, body: duration === undefined ? {} : { for: duration } }),
    closeSwarmGrace: (clusterId) => call('delete', '/v1/swarms/{clusterId}/grace', { path: { clusterId } }),
    revokeToken: (id) => call('delete', '/v1/tokens/{id}', { path: { id } }),
    listAttestations: (query) => page('/v1/attestations', query),
    releaseAttestation: (id) => call('delete', '/v1/attestations/{id}', { path: { id } }),
    createApiKey: (key) => call('post', '/v1/api-keys', { body: key, idempotencyKey: randomUUID() }),
    listApiKeys: (query) => page('/v1/api-keys', query),
    revokeApiKey: (id) => call('delete', '/v1/api-keys/{id}', { path: { id } }),
    listAuthorities: () => page('/v1/authorities', {}),
    revokeAuthority: (name, reason) => json('POST', `/v1/authorities/${encodeURIComponent(name)}/revoke`, { body: { reason } }),
    publishCrl: (authority) => call('post', '/v1/authorities/{name}/crl', { path: { name: authority } }),
    listAudit: (query) => page('/v1/audit', query),
    close: () => agent.destroy(),
  };
}

/** A call with its types erased, once they have been checked. */
interface AnyCall {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Query;
  readonly body?: object;
  readonly wait?: number;
  readonly idempotencyKey?: string;
}

/** `/v1/tokens/{id}` with its parameters filled in. Whatever a value contains, it stays a single path segment. */
const filled = (template: string, parameters: Readonly<Record<string, string>>): string =>
  template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? '').replace(/^\.{1,2}$/, (dots) => dots.replaceAll('.', '%2E')));

/** The content of a successful reply; throws for a refusal. */
function bodyOf(url: URL, reply: Reply): object {
  const body = parseJson(reply);
  if (reply.status >= 200 && reply.status < 300) {
    if (typeof body !== 'object' || body === null) throw notChancery(url, reply);
    return body;
  }
  throw new ProblemFailure(toProblem(reply.status, body), retryAfter(reply));
}

/** Returns the certificate's serial number. */
function checkPair({ certificate, key }: { readonly certificate: string; readonly key: string }): string {
  let isPair: boolean;
  let serial: string;
  try {
    const read = new X509Certificate(certificate);
    isPair = read.checkPrivateKey(createPrivateKey(key));
    serial = read.serialNumber.toLowerCase();
  } catch (cause) {
    throw new Failure('no-credentials', 'the client certificate or its key cannot be read', { advice: 'expected both in PEM, the key not encrypted', cause });
  }
  if (!isPair) throw new Failure('no-credentials', 'the client certificate and the key do not belong together', { advice: 'give the key that the certificate was made for' });
  return serial;
}

function parseJson(reply: Reply): unknown {
  if (!/^application\/([a-z-]+\+)?json\b/.test(reply.headers['content-type'] ?? '')) return undefined;
  try {
    return JSON.parse(reply.body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const notChancery = (url: URL, reply: Reply): Failure =>
  new Failure('bad-reply', `${url.origin} answered ${reply.status} with something that is not JSON`, { advice: 'check that --url is the https address of a Chancery service' });

/** In seconds; the service does not use the date form of Retry-After. */
const retryAfter = (reply: Reply): number | undefined => {
  const seconds = Number(reply.headers['retry-after']);
  return reply.headers['retry-after'] !== undefined && Number.isInteger(seconds) ? seconds : undefined;
};

const wasCutOff = (error: unknown): boolean =>
  error instanceof Failure && error.code === 'unreachable' && ['ECONNRESET', 'EPIPE', undefined].includes((error.cause as NodeJS.ErrnoException | undefined)?.code);
