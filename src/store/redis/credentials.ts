import type { AuditDraft } from '../../audit/entry.ts';
import { credentialClaimName, name } from '../name.ts';
import type { ApiKeyRecord, ApiKeyStore, Claim, Page, PageQuery, TokenRecord, TokenStore } from '../store.ts';
import { auditLines, bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { KEYS } from './keys.ts';
import { listPage } from './listing.ts';
import { fingerprintOctets } from './marks.ts';

/** What enrolment tokens and API keys have in common. */
interface Credential {
  readonly id: string;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
}

interface Kind {
  /** As the scripts call it. */
  readonly letter: 't' | 'k';
  readonly key: string;
  readonly places: string;
  readonly claims: 'token' | 'api-key';
  readonly listing: string;
}

const TOKENS: Kind = { letter: 't', key: KEYS.token, places: KEYS.tokens, claims: 'token', listing: 'tokens' };
const API_KEYS: Kind = { letter: 'k', key: KEYS.apiKey, places: KEYS.apiKeys, claims: 'api-key', listing: 'apiKeys' };

type CreateOutcome<T> = { readonly outcome: 'stored' } | { readonly outcome: 'exists'; readonly record: T } | { readonly outcome: 'conflict' };

/**
 * The value of a token or API key: uses taken (4 octets), uses allowed (4), end (6), revoked at (6, 0 where it is not), place (6, from
 * the script), and the record as JSON without `used` and `revokedAt`.
 */
const JSON_AT = 26;
const REVOKED_AT = 14;

/** Entries of a listing that are read in one go. */
const SLICE = 250;

export function encodeCredential({ used = 0, revokedAt = 0, ...record }: Credential & { readonly used?: number; readonly uses?: number }): Buffer {
  const json = Buffer.from(JSON.stringify(record));
  const bytes = Buffer.alloc(JSON_AT + json.length);
  bytes.writeUInt32BE(used, 0);
  bytes.writeUInt32BE(record.uses ?? 0, 4);
  bytes.writeUIntBE(record.expiresAt ?? 0, 8, 6);
  bytes.writeUIntBE(revokedAt, REVOKED_AT, 6);
  json.copy(bytes, JSON_AT);
  return bytes;
}

function decodeCredential<T extends Credential>(kind: Kind, bytes: Buffer): T {
  const record = JSON.parse(bytes.toString('utf8', JSON_AT)) as T;
  const revokedAt = bytes.readUIntBE(REVOKED_AT, 6);
  return { ...record, ...(kind === TOKENS ? { used: bytes.readUInt32BE(0) } : {}), ...(revokedAt === 0 ? {} : { revokedAt }) };
}

export const decodeToken = (bytes: Buffer): TokenRecord => decodeCredential<TokenRecord>(TOKENS, bytes);
export const decodeApiKey = (bytes: Buffer): ApiKeyRecord => decodeCredential<ApiKeyRecord>(API_KEYS, bytes);

/** What a claim stands for: its end (seconds), two octets of no use, the credential's name, and the fingerprint. */
export function encodeClaim({ fingerprint, expires, livesWithRequest }: Omit<Claim, 'key'>, of: Buffer): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(7), of, fingerprintOctets(fingerprint)]);
  encoded.writeUIntBE(expires, 0, 6);
  encoded[6] = livesWithRequest ? 1 : 0;
  return encoded;
}

const claimOperand = (kind: Kind, claim: Claim, of: Buffer): readonly (Buffer | number)[] =>
  [credentialClaimName(kind.claims, claim.key), fingerprintOctets(claim.fingerprint), claim.expires, encodeClaim(claim, of)];

/** Enrolment tokens. */
export function tokenStore(engine: Engine): TokenStore {
  const { create, ...rest } = credentials<TokenRecord>(engine, TOKENS);
  return {
    ...rest,
    async create(token, claim, audit, now) {
      const created = await create(token, claim, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', token: created.record } : created;
    },
  };
}

/** API keys of operators and programs. */
export function apiKeyStore(engine: Engine): ApiKeyStore {
  const { create, ...rest } = credentials<ApiKeyRecord>(engine, API_KEYS);
  return {
    ...rest,
    async create(key, claim, audit, now) {
      const created = await create(key, claim, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', key: created.record } : created;
    },
  };
}

function credentials<T extends Credential>(engine: Engine, kind: Kind): {
  create(record: T, claim: Claim | undefined, audit: readonly AuditDraft[], now: number): Promise<CreateOutcome<T>>;
  get(id: string): Promise<T | undefined>;
  list(page: PageQuery): Promise<Page<T>>;
  revoke(id: string, at: number, audit: readonly AuditDraft[]): Promise<T | undefined>;
} {
  const { keys } = engine;
  return {
    async create(record, claim, audit, now) {
      const of = name(record.id);
      const operand = claim === undefined ? 0 : claimOperand(kind, claim, of);
      const reply = await engine.submit('create', kind.letter, of, encodeCredential(record), operand, now, auditLines(audit));
      if (reply === 0) return { outcome: 'stored' };
      if (reply === 2) return { outcome: 'conflict' };
      const value = bytesOf(listOf(reply)[1]);
      if (value === undefined) throw new Error('the identifier of a new credential is taken');
      return { outcome: 'exists', record: decodeCredential<T>(kind, value) };
    },

    async get(id) {
      const value = await engine.get(keys.of(kind.key, name(id)));
      return value === undefined ? undefined : decodeCredential<T>(kind, value);
    },

    list: (page) => listPage(engine, kind.listing, page, async (below, wanted) => {
      const count = Math.min(wanted, SLICE);
      const [reply] = await engine.read(['ZREVRANGEBYSCORE', keys.of(kind.places), `(${below}`, '-inf', 'WITHSCORES', 'LIMIT', 0, count]);
      const pairs = listOf(reply).map((one) => bytesOf(one) ?? Buffer.alloc(0));
      const names = pairs.filter((_, at) => at % 2 === 0);
      const places = pairs.filter((_, at) => at % 2 === 1).map((score) => Number(score.toString()));
      const [values] = names.length === 0 ? [[]] : await engine.read(['MGET', ...names.map((one) => keys.of(kind.key, one))]);
      const items = listOf(values).flatMap((value, at) => {
        const bytes = bytesOf(value);
        return bytes === undefined ? [] : [{ place: places[at] ?? 0, item: decodeCredential<T>(kind, bytes) }];
      });
      return { items, last: places.at(-1) ?? below, ended: names.length < count };
    }),

    async revoke(id, at, audit) {
      const value = bytesOf(await engine.submit('revoke', kind.letter, name(id), at, auditLines(audit)));
      return value === undefined ? undefined : decodeCredential<T>(kind, value);
    },
  };
}
