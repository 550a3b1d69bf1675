import type { ApiKeyStore, TokenStore } from '../store/store.ts';
import type { Identity } from './identity.ts';

/** The stores with the records that identify bearer credentials, and the present time. */
export interface BearerLook {
  readonly tokens: Pick<TokenStore, 'get'>;
  readonly apiKeys: Pick<ApiKeyStore, 'get'>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One kind of bearer credential (RFC 6750). Kinds are told apart by syntax alone, so every text is of at most one kind. */
export interface BearerReader {
  /** Name and form, for senders of anything else: `an API key (CHYKEY-1-…)`. */
  readonly expected: string;
  readonly reads: (credential: string) => boolean;
  /** True if the holder is identified by a single record of the store, which `Identity.credential` names. */
  readonly byRecord?: true;
  /**
   * Identifies the holder.
   * @throws Refused `unauthenticated`, `unavailable`
   */
  readonly identify: (credential: string, look: BearerLook) => Promise<Identity>;
}

/** The reader for a credential; undefined if it is of no known kind. */
export const readerOf = (readers: readonly BearerReader[], credential: string): BearerReader | undefined => readers.find(({ reads }) => reads(credential));
