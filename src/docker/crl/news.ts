import type { Level } from '../../agent/tell.ts';
import type { SharedSerials } from '../revoked-serials.ts';

/** Messages from the thread that watches the CRLs to the one that decides. Certificates are DER, times seconds since the epoch. */
export type News =
  /** All authorities whose CRLs are watched. */
  | { readonly kind: 'authorities'; readonly items: readonly { readonly authority: string; readonly issuer: Uint8Array }[] }
  /** A CRL whose signature and number have been verified. */
  | { readonly kind: 'crl'; readonly authority: string; readonly issuer: Uint8Array; readonly thisUpdate: number; readonly nextUpdate: number; readonly serials: SharedSerials }
  /** A revocation event from the service, which arrives before the CRL that will list it. */
  | { readonly kind: 'revocation'; readonly authority: string; readonly serial: string; readonly status: 'revoked' | 'held' | 'released'; readonly at: number }
  /** All CRLs were polled at that time (milliseconds since the epoch); `good` if none failed. */
  | { readonly kind: 'looked'; readonly good: boolean; readonly at: number };

/** A log line. */
export interface Line {
  readonly level: Level;
  readonly event: string;
  readonly message: string;
  readonly facts?: Readonly<Record<string, string | number>> | undefined;
}

/** A message of the thread. */
export type Message = { readonly news: News } | { readonly line: Line };

/** The thread's `workerData`. */
export interface WatchSettings {
  /** The address of the service whose authorities are watched; undefined if everything is in `sources`. */
  readonly service: string | undefined;
  /** Root certificates by which the service is trusted, PEM. */
  readonly roots: string | undefined;
  /** The names of its authorities to watch; if empty, all that publish a CRL. */
  readonly authorities: readonly string[];
  /** CRLs of other or former authorities, by address. Issuers in DER. */
  readonly sources: readonly { readonly authority: string; readonly address: string; readonly issuer: Uint8Array }[];
  /** The folder in which the last valid CRLs are kept. */
  readonly state: string;
  /** Milliseconds between two polls if nothing calls for an earlier one. */
  readonly poll: number;
  /** Whether to follow the service's revocation events. */
  readonly events: boolean;
}
