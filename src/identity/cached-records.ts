import type { CertificateStore, ApiKeyStore, TokenStore } from '../store/store.ts';
import type { CredentialRecord } from './identity.ts';

/** The stores with the records that identify callers. */
export interface CredentialSource {
  readonly tokens: Pick<TokenStore, 'get'>;
  readonly apiKeys: Pick<ApiKeyStore, 'get'>;
  readonly certificates: Pick<CertificateStore, 'get'>;
}

/** Records cached per kind: a few MB even if all are certificates. */
const MOST = 1000;
/** Milliseconds for which a record is cached. */
const LONGEST = 60_000;

/**
 * Credential records cached by this process. They must not cause refusals, and whatever is done on their basis must be conditional on
 * `Identity.credential`.
 */
export interface CachedRecords {
  /** Returns cached records only. */
  readonly known: CredentialSource;
  /** Reads from the store, and updates the cache. */
  readonly afresh: CredentialSource;
}

/** @param clock milliseconds since the epoch */
export function cachedRecords(store: CredentialSource, clock: () => number): CachedRecords {
  const tokens = remembering(store.tokens, clock);
  const apiKeys = remembering(store.apiKeys, clock);
  const certificates = remembering(store.certificates, clock);
  return {
    known: { tokens: tokens.known, apiKeys: apiKeys.known, certificates: certificates.known },
    afresh: { tokens: tokens.afresh, apiKeys: apiKeys.afresh, certificates: certificates.afresh },
  };
}

interface Source<T> {
  readonly get: (id: CredentialRecord['id']) => Promise<T | undefined>;
}

function remembering<T>(source: Source<T>, clock: () => number): { readonly known: Source<T>; readonly afresh: Source<T> } {
  // Ordered by last use.
  const kept = new Map<string, { readonly record: T; readonly readAt: number }>();
  return {
    known: {
      get: async (id) => {
        const found = kept.get(id);
        if (found === undefined) return undefined;
        kept.delete(id);
        const age = clock() - found.readAt;
        if (age < 0 || age >= LONGEST) return undefined;
        kept.set(id, found);
        return found.record;
      },
    },
    afresh: {
      get: async (id) => {
        const readAt = clock();
        const record = await source.get(id);
        kept.delete(id);
        if (record === undefined) return undefined;
        kept.set(id, { record, readAt });
        if (kept.size > MOST) kept.delete(kept.keys().next().value ?? '');
        return record;
      },
    },
  };
}
