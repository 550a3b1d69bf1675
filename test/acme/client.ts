import { createHash, createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { subjectAltName } from '../../src/x509/extensions.ts';
import type { GeneralName } from '../../src/x509/general-name.ts';
import { type Json, type Reply, startTestService, type TestService } from '../helpers/service.ts';
import { extensionRequest, makeCsr } from '../x509/make-csr.ts';

export const b64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url');

/** A pair of keys with what JWS needs of it. */
export interface Pair {
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, string>>;
  readonly thumbprint: string;
}

const KINDS: Readonly<Record<string, () => KeyObject>> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

export function newPair(alg = 'ES256', privateKey = KINDS[alg]?.()): Pair {
  if (privateKey === undefined) throw new TypeError(alg);
  const { kty, crv, x, y, n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
  const jwk = Object.fromEntries(Object.entries({ crv, e, kty, n, x, y }).filter(([, value]) => value !== undefined)) as Record<string, string>;
  return { alg, privateKey, jwk, thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url') };
}

const SIGN: Readonly<Record<string, (input: Buffer, key: KeyObject) => Buffer>> = {
  ES256: (input, key) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
  ES384: (input, key) => sign('sha384', input, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (input, key) => sign(null, input, key),
  RS256: (input, key) => sign('sha256', input, key),
};

/** A flattened JWS. @param payload '' for POST-as-GET, text as it is, anything else as JSON */
export function jws({ alg, privateKey }: Pick<Pair, 'alg' | 'privateKey'>, header: object, payload: unknown): { protected: string; payload: string; signature: string } {
  const head = b64(JSON.stringify({ alg, ...header }));
  const body = b64(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return { protected: head, payload: body, signature: b64((SIGN[alg] as NonNullable<(typeof SIGN)[string]>)(Buffer.from(`${head}.${body}`), privateKey)) };
}

/** An external account binding (RFC 8555 7.3.4). */
export function binding(kid: string, hmac: string, url: string, { jwk }: Pair, header: object = {}): object {
  const head = b64(JSON.stringify({ alg: 'HS256', kid, url, ...header }));
  const payload = b64(JSON.stringify(jwk));
  return { protected: head, payload, signature: createHmac('sha256', Buffer.from(hmac, 'base64url')).update(`${head}.${payload}`).digest('base64url') };
}

/** Our own client, which does as it is told, rights and wrongs. */
export interface AcmeClient {
  readonly base: string;
  readonly nonce: () => Promise<string>;
  /** A POST with a good nonce. */
  readonly post: (url: string, signer: Signer, payload: unknown, header?: object) => Promise<Reply>;
  /** Any body. */
  readonly raw: (url: string, body: unknown, contentType?: string) => Promise<Reply>;
  readonly account: (pair?: Pair, more?: object) => Promise<Signer & { readonly kid: string; readonly reply: Reply }>;
  readonly order: (signer: Signer, identifiers: readonly object[], more?: object) => Promise<Reply>;
  /** Until `done`, or ten seconds are over. */
  readonly poll: (url: string, signer: Signer, done: (json: Json) => boolean) => Promise<Reply>;
}

export interface Signer {
  readonly pair: Pair;
  readonly kid?: string;
}

/** @param publicUrl where the service says that it is; its listener where absent */
export function acmeClient(service: Pick<TestService, 'call' | 'service'>, authority = 'issuing', publicUrl = service.service.addresses.https): AcmeClient {
  const base = `${publicUrl ?? ''}/acme/${authority}`;
  const origin = service.service.addresses.https ?? '';
  const pathOf = (url: string): string => url.replace(/^https:\/\/[^/]+/, '');
  const nonce = async (): Promise<string> => String((await service.call('HEAD', `${pathOf(base)}/new-nonce`)).headers['replay-nonce']);
  const raw: AcmeClient['raw'] = (url, body, contentType = 'application/jose+json') =>
    service.call('POST', pathOf(url), { headers: { 'content-type': contentType, host: origin.replace('https://', '') }, body: typeof body === 'string' ? body : JSON.stringify(body) });
  const post: AcmeClient['post'] = async (url, { pair, kid }, payload, header = {}) =>
    raw(url, jws(pair, { nonce: await nonce(), url, ...(kid === undefined ? { jwk: pair.jwk } : { kid }), ...header }, payload));
  return {
    base, nonce, raw, post,
    account: async (pair = newPair(), more = {}) => {
      const reply = await post(`${base}/new-account`, { pair }, more);
      return { pair, kid: String(reply.headers.location), reply };
    },
    order: (signer, identifiers, more = {}) => post(`${base}/new-order`, signer, { identifiers, ...more }),
    poll: async (url, signer, done) => {
      const end = Date.now() + 10_000;
      for (;;) {
        const reply = await post(url, signer, '');
        if (done(reply.json) || Date.now() > end) return reply;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

/** A web server that answers http-01 on all loopback addresses. */
export interface Responder {
  readonly port: number;
  readonly tokens: Map<string, string | (() => Promise<string>)>;
  readonly asked: string[];
}

export async function responder(t: Test): Promise<Responder> {
  const tokens: Responder['tokens'] = new Map();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const token = (request.url ?? '').split('/').pop() ?? '';
    asked.push(token);
    const answer = tokens.get(token);
    void (async () => {
      const text = typeof answer === 'function' ? await answer() : answer;
      response.statusCode = text === undefined ? 404 : 200;
      response.end(text ?? 'no');
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, tokens, asked };
}

/** A CSR for these names, DER in base64url. */
export function csrFor(names: readonly GeneralName[], privateKey: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey): string {
  return b64(makeCsr({ privateKey, publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }), attributes: names.length === 0 ? [] : [extensionRequest(subjectAltName(names, false))] }));
}

/** A service with ACME that may validate on this machine. */
export async function acmeService(t: Test, settings: Readonly<Record<string, string>> = {}): Promise<TestService & { readonly http: Responder }> {
  const http = await responder(t);
  const service = await startTestService(t, {
    settings: {
      CHANCERY_ACME__ENABLED: 'true', CHANCERY_ACME__HTTP01_PORT: String(http.port), CHANCERY_ACME__PERMIT_NETWORKS: '["127.0.0.0/8"]', ...settings,
    },
  });
  // Its members are asked for each time: a restart changes them.
  return Object.create(service, { http: { value: http } }) as TestService & { readonly http: Responder };
}

let address = 1;
/** An address that no other test has. */
export const newAddress = (): string => `127.0.${Math.floor(++address / 250)}.${address % 250 + 2}`;

export const ip = (value: string): { readonly type: string; readonly value: string } => ({ type: 'ip', value });
export const dnsName = (value: string): { readonly type: string; readonly value: string } => ({ type: 'dns', value });

/** Meets the http-01 challenges of an order. */
export async function authorize(client: AcmeClient, { tokens }: Responder, signer: Signer, order: Json): Promise<void> {
  for (const url of order.authorizations as string[]) {
    const { json } = await client.post(url, signer, '');
    const challenge = json.challenges.find((one: Json) => one.type === 'http-01');
    tokens.set(challenge.token, `${challenge.token}.${signer.pair.thumbprint}`);
    await client.post(challenge.url, signer, {});
    await client.poll(url, signer, ({ status }) => status !== 'pending');
  }
}

/** A ready order for some addresses. */
export async function readyOrder(client: AcmeClient, http: Responder, signer: Signer, addresses: readonly string[], more: object = {}): Promise<{ readonly url: string; readonly json: Json }> {
  const made = await client.order(signer, addresses.map(ip), more);
  if (made.status !== 201) throw new Error(`no order: ${made.text}`);
  await authorize(client, http, signer, made.json);
  const url = String(made.headers.location);
  return { url, json: (await client.poll(url, signer, ({ status }) => status !== 'pending')).json };
}

/** An issued certificate: DER, and the order. */
export async function issued(client: AcmeClient, http: Responder, signer: Signer, addresses: readonly string[], more: object = {}, key?: KeyObject): Promise<{ readonly der: Buffer; readonly order: Json; readonly chain: Reply }> {
  const { json } = await readyOrder(client, http, signer, addresses, more);
  const done = await client.post(json.finalize, signer, { csr: csrFor(addresses.map((value) => ({ kind: 'ip', value })), key) });
  if (done.status !== 200 || done.json.status !== 'valid') throw new Error(`not issued: ${done.text}`);
  const chain = await client.post(done.json.certificate, signer, '');
  const [, first = ''] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(chain.text) ?? [];
  return { der: Buffer.from(first, 'base64'), order: done.json, chain };
}
