import type { AuditDraft } from '../audit/entry.ts';
import type { Revocation } from '../issuance/request.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';

/** Makes the encoded entry for the time that the store settles, seconds since the epoch. */
export type EncodeEntry = (at: number) => Uint8Array;

/** The latest change of a serial's standing with an authority. */
export interface RevocationChange {
  /** Its place in the authority's feed: 1 for the first, and one more with each. */
  readonly revision: number;
  /** Lower-case hex. */
  readonly serial: string;
  /** The certificate's last second, since the epoch. */
  readonly notAfter: number;
  /** Seconds since the epoch: since when it is revoked; of a release, when that was. */
  readonly at: number;
  /** removeFromCRL: a hold was released. The certificate is good again, and only deltas have the entry. */
  readonly reason: RevocationReason;
  /** The CRL entry, encoded once. */
  readonly der: Uint8Array;
}

/** A part of an authority's feed. */
export interface RevocationChanges {
  /** Where the feed stood when this was read. Who has all changes up to it knows the standing of every serial. */
  readonly revision: number;
  /** Ascending by revision; fewer than asked for only at the feed's end. A serial that changes again moves to the end: its old place is left empty. */
  readonly changes: readonly RevocationChange[];
  /** True where a release later than `after` has left the feed: forget everything and begin at 0. `changes` is empty then. */
  readonly restart: boolean;
}

/**
 * A published document of an authority: `full`, `delta`, or the shard `index` of `count` as `<count>-<index>`. Full and delta have one
 * sequence of numbers (RFC 5280 5.2.3: the same scope), each shard has its own.
 */
export type CrlDocument = 'full' | 'delta' | `${number}-${number}`;

/** A full CRL to which a delta may be applied. */
export interface CrlBase {
  readonly number: bigint;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly revision: number;
}

/** What is told of a published CRL without its bytes. */
export interface CrlHead {
  readonly number: bigint;
  /** Strong entity tag, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The authority's revision that this CRL covers. */
  readonly revision: number;
  /** How many certificates it lists. */
  readonly entries: number;
  /** Of a delta: its base (RFC 5280 5.2.4), and then the full CRL that will be the next one. */
  readonly bases?: readonly CrlBase[];
}

/** A published CRL with what its readers need. */
export interface PublishedCrl extends CrlHead {
  readonly der: Uint8Array;
}

/** What is cheap to ask often: whether anything of an authority is new. */
export interface CrlStanding {
  /** Rises by one with every change in the feed. */
  readonly revision: number;
  /** Rises with every publication and retirement of documents. */
  readonly publications: number;
}

/** Addresses that a generation remembers: the latest ones. */
export const MOST_ADDRESSES = 8;

/** Certificates that name a shard among `count` in their CRL distribution point may live until `until` (seconds since the epoch). */
export interface ShardGeneration {
  readonly count: number;
  readonly until: number;
  /** Where they say that the shards are: addresses of folders, the latest last. What a shard says of itself must agree (RFC 5280 6.3.3 b 2). */
  readonly addresses: readonly string[];
}

export type AddOutcome =
  | { readonly outcome: 'revoked'; readonly change: RevocationChange }
  | { readonly outcome: 'already-revoked'; readonly change: RevocationChange };

/** Revocations and the documents that publish them, all by the name of an authority. */
export interface CrlStore {
  standing(authority: string): Promise<CrlStanding>;
  /** The feed behind revision `after`, at most `limit` changes. The same serial is in it once: with its latest change. */
  changes(authority: string, after: number, limit: number): Promise<RevocationChanges>;
  /** The latest change of one serial, for as long as the feed has it. */
  change(authority: string, serial: string): Promise<RevocationChange | undefined>;
  /**
   * Revokes a certificate that has no record here: that of an authority, signed by the one above it. The rules of `CertificateStore.revoke`
   * hold; the reason certificateHold cannot be released.
   */
  add(authority: string, certificate: { readonly serial: string; readonly notAfter: number }, revocation: Revocation, entry: EncodeEntry, audit: readonly AuditDraft[]): Promise<AddOutcome>;
  /**
   * Removes from the feed what no document needs any more, and says how many that were. Checked for each serial, whoever asks: an entry
   * leaves only when every full CRL and shard that stands was issued after the certificate's end, and covers the entry (RFC 5280 3.3:
   * it must have been on one CRL issued after the end; the next ones may do without it). A release leaves only when every full CRL and
   * shard covers it, and so does each base of the delta.
   */
  drop(authority: string, serials: readonly string[]): Promise<number>;

  /** Of each document that was ever published and not retired. */
  heads(authority: string): Promise<ReadonlyMap<CrlDocument, CrlHead>>;
  head(authority: string, document: CrlDocument): Promise<CrlHead | undefined>;
  current(authority: string, document: CrlDocument): Promise<PublishedCrl | undefined>;
  /** The last number of the document's sequence, 0 before the first: retiring a document does not end its sequence. */
  lastNumber(authority: string, document: CrlDocument): Promise<bigint>;
  /**
   * Stores documents in one step, all or none: each if its number is one above the last of its sequence, its thisUpdate and revision not
   * below those of the last one in its sequence. Full and delta in one step have the same number (RFC 5280 5.2.3). The bytes may be
   * written ahead of the step, in parts, so that a large document holds up nobody.
   */
  publish(authority: string, documents: ReadonlyMap<CrlDocument, PublishedCrl>, audit: readonly AuditDraft[]): Promise<'stored' | 'superseded'>;
  /** Removes documents that nobody asks for any more. */
  retire(authority: string, documents: readonly CrlDocument[], audit: readonly AuditDraft[]): Promise<void>;

  /** The shard counts under which certificates were issued; raised by `keepShards` before the first of them is. */
  shardGenerations(authority: string): Promise<readonly ShardGeneration[]>;
  /** `until` never goes back; addresses are added to those that are there, of which the oldest leave beyond MOST_ADDRESSES. */
  keepShards(authority: string, generation: ShardGeneration): Promise<void>;
  /** Forgets a generation that ended before `now` (seconds since the epoch). */
  forgetShards(authority: string, count: number, now: number): Promise<void>;

  /**
   * Calls the listener with the name of an authority of which something may be new. A hint, which may come twice, late or never:
   * whoever waits for something also asks `standing`, at least twice a second. Returns what ends it.
   */
  onHint(listener: (authority: string) => void): () => void;
}
