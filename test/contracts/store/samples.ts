import { createHash, randomBytes } from 'node:crypto';
import type { AuditDraft, AuditEvent } from '../../../src/audit/entry.ts';
import type { RequestRecord } from '../../../src/issuance/request.ts';
import type { CrlDocument, PublishedCrl, RevocationChange } from '../../../src/store/crl-store.ts';
import type { Acceptance, ApiKeyRecord, Claim, Store, TokenRecord } from '../../../src/store/store.ts';

/** The suite's clock: milliseconds since the epoch. */
export const NOW = 1_790_000_000_000;
/** The same in seconds. */
export const TODAY = NOW / 1000;
export const HOUR = 3_600_000;

/** A serial as the service draws them: time first, then random octets. */
export const newSerial = (): string => Math.floor(Date.now() / 8).toString(16).padStart(10, '0') + randomBytes(15).toString('hex');

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** An issued certificate's record, or with `over` any other. */
export function record(over: Partial<RequestRecord> = {}): RequestRecord {
  const id = over.id ?? newSerial();
  return {
    id,
    state: 'issued',
    authority: 'issuing',
    profile: 'server',
    requester: { kind: 'api-key', name: 'deployer' },
    names: ['node1.example.com', '10.0.0.1'],
    steps: [{ name: 'key', outcome: 'passed', reason: 'P-256', time: NOW }],
    createdAt: NOW,
    updatedAt: NOW,
    keyHash: digestOf(`key of ${id}`),
    certificate: new Uint8Array(randomBytes(300)),
    notBefore: TODAY - 60,
    notAfter: TODAY + 86_400,
    ...over,
  };
}

/** A request that waits for an operator. */
export function pending(over: Partial<RequestRecord> = {}): RequestRecord {
  const { certificate: _c, notBefore: _b, notAfter: _a, ...rest } = record();
  return { ...rest, state: 'pending', csr: new Uint8Array(randomBytes(200)), subject: { names: [{ kind: 'dns', value: 'node1.example.com' }], commonName: 'node1.example.com' }, ...over };
}

/** A request that was refused. */
export function denied(over: Partial<RequestRecord> = {}): RequestRecord {
  const { certificate: _c, notBefore: _b, notAfter: _a, ...rest } = record();
  return { ...rest, state: 'denied', refusal: { code: 'request-refused', detail: 'names: no pattern matches' }, ...over };
}

/** What a pending request becomes: approved, its exact bytes stored. */
export function approved(from: RequestRecord): RequestRecord {
  const { csr: _csr, subject: _subject, ...rest } = from;
  return { ...rest, state: 'approved', tbs: new Uint8Array(randomBytes(250)), notBefore: TODAY, notAfter: TODAY + 86_400, updatedAt: from.updatedAt + 1 };
}

/** What an approved request becomes. */
export function issued(from: RequestRecord): RequestRecord {
  const { tbs: _tbs, ...rest } = from;
  return { ...rest, state: 'issued', certificate: new Uint8Array(randomBytes(300)), updatedAt: from.updatedAt + 1 };
}

export const draft = (event: AuditEvent, subject: string, details?: AuditDraft['details']): AuditDraft =>
  ({ time: NOW, event, actor: 'system', subject, ...(details === undefined ? {} : { details }) });

export function acceptance(of: RequestRecord, over: Partial<Acceptance> = {}): Acceptance {
  return { record: of, claims: [], audit: [draft(of.state === 'denied' ? 'request.denied' : 'certificate.issued', of.id)], now: NOW, ...over };
}

export const claim = (key: string, over: Partial<Claim> = {}): Claim =>
  ({ key, fingerprint: `what was asked under ${key}`, expires: TODAY + 3600, livesWithRequest: false, ...over });

let credentials = 0;

export function token(over: Partial<TokenRecord> = {}): TokenRecord {
  credentials += 1;
  const id = over.id ?? `token${String(credentials).padStart(11, '0')}`;
  return {
    id, secretHash: digestOf(id), profile: 'node', names: ['*.example.com'], uses: 1, used: 0,
    createdAt: NOW, expiresAt: NOW + HOUR, createdBy: 'client-certificate:operator', ...over,
  };
}

export function apiKey(over: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  credentials += 1;
  const id = over.id ?? `apikey${String(credentials).padStart(10, '0')}`;
  return { id, name: `key ${credentials}`, secretHash: digestOf(id), scopes: ['read'], createdAt: NOW, createdBy: 'client-certificate:operator', ...over };
}

export function crl(number: number, over: Partial<PublishedCrl> = {}): PublishedCrl {
  const der = over.der ?? new Uint8Array(randomBytes(400));
  return { der, number: BigInt(number), etag: `"${digestOf(Buffer.from(der).toString('hex'))}"`, thisUpdate: TODAY + number, nextUpdate: TODAY + number + 604_800, revision: 0, entries: 0, ...over };
}

/** A CRL entry as the suite encodes it: the test sees serial and time again. */
export const entryFor = (serial: string) => (at: number): Uint8Array => new Uint8Array(Buffer.from(`${serial}@${at}`));

/** Publishes one document. */
export const publish = (store: Store, crl: PublishedCrl, audit: readonly AuditDraft[] = [], document: CrlDocument = 'full', authority = 'issuing'): Promise<'stored' | 'superseded'> =>
  store.crls.publish(authority, new Map([[document, crl]]), audit);

/** The latest change of every serial, by the pages of a follower that begins with nothing. */
export async function feed(store: Store, authority = 'issuing', page = 1000): Promise<RevocationChange[]> {
  const all: RevocationChange[] = [];
  for (;;) {
    const { changes } = await store.crls.changes(authority, all.at(-1)?.revision ?? 0, page);
    all.push(...changes);
    if (changes.length < page) return all;
  }
}

/** Stores a record with nothing else, and gives it back. */
export async function put(store: Store, of: RequestRecord = record()): Promise<RequestRecord> {
  const { outcome } = await store.requests.accept(acceptance(of));
  if (outcome !== 'stored') throw new Error(`the sample was not stored: ${outcome}`);
  return of;
}

/** Everything in the store's log, as `event subject`. */
export async function events(store: Store): Promise<string[]> {
  return (await store.audit.list({ after: 0, limit: 100_000 })).map(({ event, subject }) => `${event} ${subject}`);
}

/** Octets as they compare: a Buffer and a Uint8Array of the same octets are the same. */
export const plain = <T>(value: T): T => structuredClone(bare(value)) as T;

function bare(value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, bare(member)]));
  return value;
}

/** Names that mean something to a file system, a shell, a pattern, a Redis key or JavaScript. */
export const HOSTILE_NAMES = [
  '__proto__', 'constructor', 'hasOwnProperty', '{}', '{a}', '*', '?', '[a-z]', '\\', '../../etc/passwd', '/', 'a\r\nb', '\0', 'a\0b', ' ', '', '"', '\'', '%00', ':', '::',
  'é', '\u202e', '\ud800', '💥', 'x'.repeat(5000), 'claim', 'use', '1:a', 'null', 'undefined', '0',
] as const;
