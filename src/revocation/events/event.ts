import type { CrlDocument, CrlHead, RevocationChange } from '../../store/crl-store.ts';
import type { RevocationReason } from '../../x509/revocation-reason.ts';

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

export const crlEvent = (authority: string, document: CrlDocument, { number, thisUpdate, nextUpdate, etag }: CrlHead, url: string): RevocationEvent =>
  ({ kind: 'crl', data: { authority, document, number: number.toString(), thisUpdate: isoOf(thisUpdate), nextUpdate: isoOf(nextUpdate), etag, url } });

/** The event in wire format (WHATWG HTML 9.2.6). Serialized JSON contains no line breaks. */
export const eventText = ({ kind, data }: RevocationEvent, id: string): string => `event: ${kind}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
