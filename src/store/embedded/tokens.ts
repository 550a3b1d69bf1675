import type { ApiKeyRecord, ApiKeyStore, TokenRecord, TokenStore } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import { credentials, readCredential, writeCredential } from './credentials.ts';
import type { Kind, StoredCredential } from './credentials.ts';
import type { Environment, Reads } from './environment.ts';

/** A token is over when its time is, or when it is revoked before that. */
const tokenEnd = ({ expiresAt, revokedAt = expiresAt }: TokenRecord): number => Math.min(expiresAt, revokedAt);

const TOKENS: Kind<TokenRecord> = { table: 'tokens', claims: 'token', endOf: tokenEnd };
const API_KEYS: Kind<ApiKeyRecord> = { table: 'apiKeys', claims: 'api-key' };

type StoredToken = StoredCredential<TokenRecord>;

/** Enrolment tokens. Their count of uses is kept beside the record. */
export function tokenStore(environment: Environment, batches: Batches): TokenStore {
  const { create, ...rest } = credentials<TokenRecord>(environment, batches, TOKENS, ({ record, used }) => ({ ...record, used }));
  return {
    ...rest,
    async create(token, claim, audit, now) {
      const created = await create(token, claim, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', token: created.record } : created;
    },
  };
}

/** API keys of operators and programs. */
export function apiKeyStore(environment: Environment, batches: Batches): ApiKeyStore {
  const { create, ...rest } = credentials<ApiKeyRecord>(environment, batches, API_KEYS);
  return {
    ...rest,
    async create(key, claim, audit, now) {
      const created = await create(key, claim, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', key: created.record } : created;
    },
  };
}

export const readToken = (tables: Reads, id: string): StoredToken | undefined => readCredential<TokenRecord>(tables, TOKENS, id);

/** Whether the token may yield one more certificate. `now` in milliseconds. */
export const mayUse = ({ used, record }: StoredToken, now: number): boolean =>
  record.revokedAt === undefined && record.expiresAt > now && used < record.uses;

export const countUse = (transaction: Transaction, token: StoredToken): void =>
  writeCredential(transaction, TOKENS, { ...token, used: token.used + 1 });
