import type { CrlDocument, CrlHead, RevocationChange } from '../../store/crl-store.ts';
import type { RevocationReason } from '../../x509/revocation-reason.ts';
import type { AuthorityPosition } from './position.ts';

export type EventKind = 'revocation' | 'crl' | 'reset';

/** An event as clients see it. */
export type RevocationEvent =
  | {
    readonly kind: 'revocation';
    readonly data: {
      readonly authority: string;
      readonly serial: string;
      readonly reason: RevocationReason;
      readonly status: 'revoked' | 'held' | 'released';
      readonly at: string;
    };
  }
  | {
    readonly kind: 'crl';
    readonly data: {
      readonly authority: string;
      readonly document: CrlDocument;
      readonly number: string;
      readonly thisUpdate: string;
      readonly nextUpdate: string;
      readonly etag: string;
      readonly url: string;
    };
  }
  | { readonly kind: 'reset'; readonly data: { readonly detail: string } };

/** Status implied by a reason; all other reasons mean permanently revoked. */
const STATUS: Partial<Record<RevocationReason, 'held' | 'released'>> = { certificateHold: 'held', removeFromCRL: 'released' };

export const revocationEvent = (authority: string, { serial, reason, at }: Pick<RevocationChange, 'serial' | 'reason' | 'at'>): RevocationEvent =>
  ({ kind: 'revocation', data: { authority, serial, reason, status: STATUS[reason] ?? 'revoked', at: isoOf(at) } });

const crlEvent = (authority: string, document: CrlDocument, { number, thisUpdate, nextUpdate, etag }: CrlHead, url: string): RevocationEvent =>
  ({ kind: 'crl', data: { authority, document, number: number.toString(), thisUpdate: isoOf(thisUpdate), nextUpdate: isoOf(nextUpdate), etag, url } });

/** Events for each document that has a new CRL since a position, with the position after each. */
export function crlEvents(
  authority: string, { revision, numbers }: AuthorityPosition, heads: ReadonlyMap<CrlDocument, CrlHead>, urlOf: (authority: string, document: CrlDocument) => string,
): (readonly [RevocationEvent, AuthorityPosition])[] {
  const known = new Map(numbers);
  return [...heads].filter(([document, { number }]) => number > (known.get(document) ?? 0n)).map(([document, head]) => {
    known.set(document, head.number);
    return [crlEvent(authority, document, head, urlOf(authority, document)), { revision, numbers: new Map(known) }] as const;
  });
}

/** Tells a client that it has missed events. */
export const resetEvent = (why: string): RevocationEvent => ({ kind: 'reset', data: { detail: `${why}: fetch the CRL again; events from now on follow` } });

/** The event in wire format (WHATWG HTML 9.2.6). Serialized JSON contains no line breaks. */
export const eventText = ({ kind, data }: RevocationEvent, id: string): string => `event: ${kind}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
