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

interface Kind<T> {
  /** Its letter in the scripts. */
  readonly letter: 't' | 'k';
  readonly key: string;
  readonly places: string;
  readonly claims: 'token' | 'api-key';
  readonly listing: string;
  readonly decode: (value: Buffer) => T;
}

const TOKENS: Kind<TokenRecord> = { letter: 't', key: KEYS.token, places: KEYS.tokens, claims: 'token', listing: 'tokens', decode: decodeToken };
const API_KEYS: Kind<ApiKeyRecord> = { letter: 'k', key: KEYS.apiKey, places: KEYS.apiKeys, claims: 'api-key', listing: 'apiKeys', decode: decodeApiKey };

type CreateOutcome<T> = { readonly outcome: 'stored' } | { readonly outcome: 'exists'; readonly record: T } | { readonly outcome: 'conflict' };

/**
 * The value of a token or API key: uses taken (4 octets), uses allowed (4), expiry (6), time of revocation (6, 0 if not revoked), place (6, assigned by
 * the script), and the record as JSON without `used` and `revokedAt`.
 */
const JSON_AT = 26;
const REVOKED_AT = 14;

/** Entries of a listing read at a time. */
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

export function decodeToken(value: Buffer): TokenRecord {
  return { ...JSON.parse(value.toString('utf8', JSON_AT)) as TokenRecord, used: value.readUInt32BE(0), ...revokedIn(value) };
}

export function decodeApiKey(value: Buffer): ApiKeyRecord {
  return { ...JSON.parse(value.toString('utf8', JSON_AT)) as ApiKeyRecord, ...revokedIn(value) };
}

function revokedIn(value: Buffer): { readonly revokedAt?: number } {
  const revokedAt = value.readUIntBE(REVOKED_AT, 6);
  return revokedAt === 0 ? {} : { revokedAt };
}

/** A claim's value: expiry (seconds), whether it lives with the credential, the credential's name, and the fingerprint. */
export function encodeClaim({ fingerprint, expires, livesWithRequest }: Omit<Claim, 'key'>, of: Buffer): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(7), of, fingerprintOctets(fingerprint)]);
  encoded.writeUIntBE(expires, 0, 6);
  encoded[6] = livesWithRequest ? 1 : 0;
  return encoded;
}

const claimOperand = (kind: Kind<unknown>, claim: Claim, of: Buffer): readonly (Buffer | number)[] =>
  [credentialClaimName(kind.claims, claim.key), fingerprintOctets(claim.fingerprint), claim.expires, encodeClaim(claim, of)];

/** Enrolment tokens. */
export function tokenStore(engine: Engine): TokenStore {
  const { create, ...rest } = credentials(engine, TOKENS);
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
  const { create, ...rest } = credentials(engine, API_KEYS);
  return {
    ...rest,
    async create(key, claim, audit, now) {
      const created = await create(key, claim, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', key: created.record } : created;
    },
  };
}

function credentials<T extends Credential>(engine: Engine, kind: Kind<T>): {
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
      return { outcome: 'exists', record: kind.decode(value) };
    },

    async get(id) {
      const value = await engine.get(keys.of(kind.key, name(id)));
      return value === undefined ? undefined : kind.decode(value);
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
        return bytes === undefined ? [] : [{ place: places[at] ?? 0, item: kind.decode(bytes) }];
      });
      return { items, last: places.at(-1) ?? below, ended: names.length < count };
    }),

    async revoke(id, at, audit) {
      const value = bytesOf(await engine.submit('revoke', kind.letter, name(id), at, auditLines(audit)));
      return value === undefined ? undefined : kind.decode(value);
    },
  };
}
