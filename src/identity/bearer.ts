import type { ApiKeyStore, TokenStore } from '../store/store.ts';
import type { Identity } from './identity.ts';

/** Where the records are read by which a bearer credential is known, and when that is. */
export interface BearerLook {
  readonly tokens: Pick<TokenStore, 'get'>;
  readonly apiKeys: Pick<ApiKeyStore, 'get'>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One kind of bearer credential (RFC 6750). The kinds are told apart by their form alone, so each text is of one kind at most. */
export interface BearerReader {
  /** What it is called and looks like, for whoever sends another: `an API key (CHYKEY-1-…)`. */
  readonly expected: string;
  readonly reads: (credential: string) => boolean;
  /** True where all that tells who holds it is one record of the store, named in `Identity.credential`. */
  readonly byRecord?: true;
  /**
   * Who holds it.
   * @throws Refused `unauthenticated`, `unavailable`
   */
  readonly identify: (credential: string, look: BearerLook) => Promise<Identity>;
}

/** The reader of a credential; undefined where it is of no known kind. */
export const readerOf = (readers: readonly BearerReader[], credential: string): BearerReader | undefined => readers.find(({ reads }) => reads(credential));
