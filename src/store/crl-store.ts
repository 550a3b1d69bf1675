import type { AuditDraft } from '../audit/entry.ts';
import type { Revocation } from '../issuance/request.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';

/** Encodes the CRL entry for the time that the store settles on, seconds since the epoch. */
export type EncodeEntry = (at: number) => Uint8Array;

/** The latest change of a serial's revocation status with an authority. */
export interface RevocationChange {
  /** Its position in the authority's feed: 1 for the first change, increasing by one with each. */
  readonly revision: number;
  /** Lower-case hex. */
  readonly serial: string;
  /** notAfter of the certificate, seconds since the epoch. */
  readonly notAfter: number;
  /** Revocation time, or for a release the time of the release, in seconds since the epoch. */
  readonly at: number;
  /** removeFromCRL: a hold was released. The certificate is valid again, and only delta CRLs contain the entry. */
  readonly reason: RevocationReason;
  /** The CRL entry, encoded once. */
  readonly der: Uint8Array;
}

/** A section of an authority's feed. */
export interface RevocationChanges {
  /** The feed's revision when this was read. A reader that has all changes up to it knows the status of every serial. */
  readonly revision: number;
  /** Ascending by revision; shorter than the limit only at the end of the feed. A serial that changes again moves to the end, leaving a gap. */
  readonly changes: readonly RevocationChange[];
  /** True if a release after `after` has been dropped from the feed: discard everything and start over from 0. `changes` is then empty. */
  readonly restart: boolean;
}

/**
 * A published document of an authority: `full`, `delta`, or `<count>-<index>` for the shard `index` of `count`. Full and delta share one
 * sequence of numbers (RFC 5280 5.2.3: the same scope); each shard has its own.
 */
export type CrlDocument = 'full' | 'delta' | `${number}-${number}`;

/** A full CRL to which a delta may be applied. */
export interface CrlBase {
  readonly number: bigint;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly revision: number;
}

/** Everything about a published CRL except its bytes. */
export interface CrlHead {
  readonly number: bigint;
  /** Strong entity tag, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The authority's revision that this CRL covers. */
  readonly revision: number;
  /** Number of certificates listed. */
  readonly entries: number;
  /** Delta only: its base (RFC 5280 5.2.4), followed by the full CRL that will be the next base. */
  readonly bases?: readonly CrlBase[];
}

/** A published CRL with its bytes. */
export interface PublishedCrl extends CrlHead {
  readonly der: Uint8Array;
}

/** A cheap indicator, meant to be polled, of whether anything of an authority is new. */
export interface CrlStanding {
  /** Increases by one with every change in the feed. */
  readonly revision: number;
  /** Increases with every publication or retirement of documents. */
  readonly publications: number;
}

/** Number of addresses that a generation remembers: the latest ones. */
export const MOST_ADDRESSES = 8;

/** Certificates whose CRL distribution point names a shard out of `count` may be valid until `until` (seconds since the epoch). */
export interface ShardGeneration {
  readonly count: number;
  readonly until: number;
  /** The folders those certificates name, latest last. A shard's issuing distribution point must match them (RFC 5280 6.3.3 b 2). */
  readonly addresses: readonly string[];
}

export type AddOutcome =
  | { readonly outcome: 'revoked'; readonly change: RevocationChange }
  | { readonly outcome: 'already-revoked'; readonly change: RevocationChange };

/** Revocations and the documents that publish them, per authority. */
export interface CrlStore {
  standing(authority: string): Promise<CrlStanding>;
  /** The feed after revision `after`, at most `limit` changes. Each serial appears once, with its latest change. */
  changes(authority: string, after: number, limit: number): Promise<RevocationChanges>;
  /** The latest change of a serial, as long as the feed contains it. */
  change(authority: string, serial: string): Promise<RevocationChange | undefined>;
  /**
   * Revokes a certificate that has no record here: an authority's own, signed by its issuer. The rules of `CertificateStore.revoke` apply;
   * certificateHold cannot be released.
   */
  add(authority: string, certificate: { readonly serial: string; readonly notAfter: number }, revocation: Revocation, entry: EncodeEntry, audit: readonly AuditDraft[]): Promise<AddOutcome>;
  /**
   * Removes from the feed what no document needs any more, and returns the number removed. Checked per serial, whoever asks: an entry is
   * dropped only once every current full CRL and shard was issued after the certificate's expiry and covers the entry (RFC 5280 3.3: it must
   * appear on one CRL issued after expiry, then no more). A release is dropped only once it is covered by every full CRL, every shard and
   * each base of the delta.
   */
  drop(authority: string, serials: readonly string[]): Promise<number>;

  /** All documents that were published and not retired. */
  heads(authority: string): Promise<ReadonlyMap<CrlDocument, CrlHead>>;
  head(authority: string, document: CrlDocument): Promise<CrlHead | undefined>;
  current(authority: string, document: CrlDocument): Promise<PublishedCrl | undefined>;
  /** The last number of the document's sequence, 0 before the first. Retiring a document does not end its sequence. */
  lastNumber(authority: string, document: CrlDocument): Promise<bigint>;
  /**
   * Stores documents in one step, all or none. Each must have the next number of its sequence, and a thisUpdate and revision no lower than
   * the last ones. Full and delta published in one step have the same number (RFC 5280 5.2.3). Bytes may be written ahead of the step, in
   * parts, so that a large document does not hold up others.
   */
  publish(authority: string, documents: ReadonlyMap<CrlDocument, PublishedCrl>, audit: readonly AuditDraft[]): Promise<'stored' | 'superseded'>;
  /** Removes documents that are no longer requested. */
  retire(authority: string, documents: readonly CrlDocument[], audit: readonly AuditDraft[]): Promise<void>;

  /** The shard counts under which certificates were issued, each recorded by `keepShards` before the first of them was. */
  shardGenerations(authority: string): Promise<readonly ShardGeneration[]>;
  /** `until` never decreases; addresses are added, and beyond MOST_ADDRESSES the oldest are dropped. */
  keepShards(authority: string, generation: ShardGeneration): Promise<void>;
  /** Deletes a generation that ended before `now` (seconds since the epoch). */
  forgetShards(authority: string, count: number, now: number): Promise<void>;

  /**
   * Calls the listener with the name of an authority that may have news. Only a hint, which may be duplicated, late or lost: anyone waiting
   * for something must also poll `standing` at least twice a second. Returns the function that unsubscribes.
   */
  onHint(listener: (authority: string) => void): () => void;
}
