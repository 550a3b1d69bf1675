import type { Level } from '../../agent/tell.ts';
import type { SharedSerials } from '../revoked-serials.ts';

/** What the watch of the CRLs, in a thread of its own, tells the one that decides. Certificates are DER, times seconds since the epoch. */
export type News =
  /** All authorities whose CRLs are watched. */
  | { readonly kind: 'authorities'; readonly items: readonly { readonly authority: string; readonly issuer: Uint8Array }[] }
  /** A CRL whose signature and number were checked. */
  | { readonly kind: 'crl'; readonly authority: string; readonly issuer: Uint8Array; readonly thisUpdate: number; readonly nextUpdate: number; readonly serials: SharedSerials }
  /** An event of the service: faster than the CRL that follows. */
  | { readonly kind: 'revocation'; readonly authority: string; readonly serial: string; readonly status: 'revoked' | 'held' | 'released'; readonly at: number }
  /** All CRLs were looked for, at that time (milliseconds since the epoch); `good` where none failed. */
  | { readonly kind: 'looked'; readonly good: boolean; readonly at: number };

/** A line for the log. */
export interface Line {
  readonly level: Level;
  readonly event: string;
  readonly message: string;
  readonly facts?: Readonly<Record<string, string | number>> | undefined;
}

/** What the thread sends. */
export type Message = { readonly news: News } | { readonly line: Line };

/** What the thread is started with. */
export interface WatchSettings {
  /** Address of the service whose authorities are watched; none where all is in `sources`. */
  readonly service: string | undefined;
  /** Roots that the service is trusted by, PEM. */
  readonly roots: string | undefined;
  /** Names of its authorities; all that publish a CRL where there are none. */
  readonly authorities: readonly string[];
  /** CRLs of others, and former ones, by address. Issuers in DER. */
  readonly sources: readonly { readonly authority: string; readonly address: string; readonly issuer: Uint8Array }[];
  /** The folder where the last good CRLs are kept. */
  readonly state: string;
  /** Milliseconds from one look to the next where nothing calls for one sooner. */
  readonly poll: number;
  /** Whether the service's events are listened to. */
  readonly events: boolean;
}
