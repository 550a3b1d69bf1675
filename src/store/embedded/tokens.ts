import type { ApiKeyRecord, ApiKeyStore, TokenRecord, TokenStore } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import { credentials, loadCredential, readCredential, writeCredential } from './credentials.ts';
import type { Kind, StoredCredential } from './credentials.ts';
import type { Environment, Reads } from './environment.ts';

/** A token ends when it expires, or earlier when it is revoked. */
const tokenEnd = ({ expiresAt, revokedAt = expiresAt }: TokenRecord): number => Math.min(expiresAt, revokedAt);

const TOKENS: Kind<TokenRecord> = { table: 'tokens', claims: 'token', endOf: tokenEnd };
const API_KEYS: Kind<ApiKeyRecord> = { table: 'apiKeys', claims: 'api-key' };

type StoredToken = StoredCredential<TokenRecord>;

/** The record as callers see it. */
export const showToken = ({ record, used }: StoredToken): TokenRecord => ({ ...record, used });

/** Enrolment tokens. The number of uses is stored beside the record. */
export function tokenStore(environment: Environment, batches: Batches): TokenStore {
  const { create, ...rest } = credentials<TokenRecord>(environment, batches, TOKENS, showToken);
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

export const readApiKey = (tables: Reads, id: string): StoredCredential<ApiKeyRecord> | undefined => readCredential<ApiKeyRecord>(tables, API_KEYS, id);

/** Loads a token from elsewhere, replacing the present one if there is one. */
export const loadToken = (transaction: Transaction, token: TokenRecord, before: StoredToken | undefined): void =>
  loadCredential(transaction, TOKENS, { record: token, used: token.used }, before);

/** The same for an API key. */
export const loadApiKey = (transaction: Transaction, key: ApiKeyRecord, before: StoredCredential<ApiKeyRecord> | undefined): void =>
  loadCredential(transaction, API_KEYS, { record: key, used: 0 }, before);

/** Whether the token can yield another certificate. `now` in milliseconds. */
export const mayUse = ({ used, record }: StoredToken, now: number): boolean =>
  record.revokedAt === undefined && record.expiresAt > now && used < record.uses;

export const countUse = (transaction: Transaction, token: StoredToken): void =>
  writeCredential(transaction, TOKENS, { ...token, used: token.used + 1 });
