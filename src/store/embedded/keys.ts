import type { RequestState } from '../../issuance/request.ts';
import { name } from '../name.ts';

/**
 * The layout of the embedded store: every table with its keys and values is defined here, and nowhere else.
 *
 * | table | key | value |
 * |---|---|---|
 * | meta | text | see META |
 * | requests | id (the serial's octets) | place, record (`record-codec.ts`) |
 * | catalogue | place | what listings look at, and the marks of claims and token uses (`catalogue.ts`) |
 * | states | state, place | nothing: the requests in every state but `issued` |
 * | objects | octets of kind and id (`object-key.ts`) | a small versioned object (`objects.ts`) |
 * | objectIndex | name(index), order, key of the object | nothing: the object is listed there |
 * | objectFeed | number of the change | key of the object whose latest change this is |
 * | ends | kind, end, key | what expires by itself, in order of expiry; for requests, how many from that place on (`ends.ts`) |
 * | claims | name(kind, key) | a claim on a token or API key, and its id (`claims.ts`) |
 * | tokens, apiKeys | 0, place | id (JSON) |
 * | | 1, name(id) | place, uses taken, record (`credentials.ts`) |
 * | quotas | end, window, name(key) | count |
 * | blocked | digest of the public key | nothing |
 * | feed | name(authority), revision | the change with its encoded CRL entry (`feed.ts`) |
 * | revoked | name(authority), id | revision of its change in `feed` |
 * | crls | name(authority), part | see CRL_PARTS |
 * | audit | sequence of the first | lines (canonical JSON), separated by LF |
 * | leases | name(lease) | holder, fence, end (JSON) |
 *
 * A *place* is the number of a request, token or API key in order of arrival. Places, sequences and times are 48 bits, big-endian, so that
 * they sort. External text occurs in keys only as its SHA-256 (`name`), or as a serial's octets: no name can be too long, run into its
 * neighbour or carry meaning.
 *
 * LMDB's cost is in pages touched at random positions, not in bytes written. So everything that an accepted request writes goes to the end
 * of its table (serials begin with the time). Marks are indexed in memory rather than on disk (`mark-index.ts`); names and requesters have no
 * index: listings walk the catalogue, which is small, in bounded steps.
 */
export const TABLES = [
  'meta', 'requests', 'catalogue', 'states', 'ends', 'claims', 'tokens', 'apiKeys', 'quotas', 'blocked', 'feed', 'revoked', 'crls', 'audit', 'leases', 'objects', 'objectIndex', 'objectFeed',
] as const;
export type TableName = (typeof TABLES)[number];

export const META = {
  /** Version of this layout, as text. */
  format: Buffer.from('format'),
  /** The last place and the head of the log (`tail.ts`). */
  tail: Buffer.from('tail'),
  /** 32 random octets that authenticate cursors. */
  cursorKey: Buffer.from('cursor-key'),
  /** Written to find out whether writing works: milliseconds since the epoch, as text. */
  ping: Buffer.from('ping'),
  /** Number of the last change in `objectFeed`. */
  objectChange: Buffer.from('object-change'),
  /** Progress of loading another store's content (`transfer.ts`); absent in a complete store. */
  loading: Buffer.from('loading'),
} as const;

/** Prefix of a replica's id in `meta`: processes serving from this store (`replicas.ts`). */
export const REPLICA = Buffer.from('replica/');

/**
 * Parts of an authority in `crls`:
 *
 * | part | then | value |
 * |---|---|---|
 * | standing | | revision, publications, the highest revision of a release dropped from the feed |
 * | head | name(document) | the document's head (JSON) |
 * | pieces | name(document), number, random octets, number of the piece | the document's DER in pieces; those no head refers to are being written or removed |
 * | sequence | name(sequence) | number, thisUpdate and revision of its last document (JSON) |
 * | shards | count | until when certificates may name a shard out of so many, and where (JSON) |
 */
export const CRL_PARTS = { standing: 0, head: 1, pieces: 2, sequence: 3, shards: 4 } as const;

/** A record's state in the catalogue and in `states`; revoked certificates have a state of their own. */
export const STATES = { issued: 0, pending: 1, approved: 2, denied: 3, failed: 4, revoked: 5 } as const satisfies Record<RequestState | 'revoked', number>;

/** The value of an entry whose key says it all. LMDB's binding does not support empty values. */
export const NOTHING = Buffer.of(1);

export const ORDINAL_BYTES = 6;
export const NAME_BYTES = 32;

/** A 48-bit number as octets: a place, a sequence number, a time. */
export function ordinal(number: number): Buffer {
  const bytes = Buffer.allocUnsafe(ORDINAL_BYTES);
  bytes.writeUIntBE(number, 0, ORDINAL_BYTES);
  return bytes;
}

export const readOrdinal = (bytes: Buffer, at = 0): number => bytes.readUIntBE(at, ORDINAL_BYTES);

/** Greater than every place. */
export const LAST_PLACE = 2 ** 48 - 1;

const ID = /^(?:[0-9a-f]{2}){1,20}$/;

/** The key of a request; undefined for text that cannot be its id (a serial: lower-case hex, at most 20 octets, RFC 5280 4.1.2.2). */
export const idKey = (id: string): Buffer | undefined => (ID.test(id) ? Buffer.from(id, 'hex') : undefined);

const DIGEST = /^[0-9a-f]{64}$/;

/** The key of a public key's digest (SHA-256 of its SubjectPublicKeyInfo, lower-case hex), or of any other text given in its place. */
export const digestKey = (digest: string): Buffer => (DIGEST.test(digest) ? Buffer.from(digest, 'hex') : name('no digest', digest));

export const stateKey = (state: number, place: number): Buffer => Buffer.concat([Buffer.of(state), ordinal(place)]);

export const placeOfStateKey = (key: Buffer): number => readOrdinal(key, 1);

export const credentialPlaceKey = (place: number): Buffer => Buffer.concat([Buffer.of(0), ordinal(place)]);

export const credentialKey = (id: string): Buffer => Buffer.concat([Buffer.of(1), name(id)]);

export const quotaKey = (end: number, window: number, key: string): Buffer => Buffer.concat([ordinal(end), ordinal(window), name(key)]);

/** Kinds of entries in `ends`; each has its own form of key after the time. */
export const ENDS = { request: 0, token: 1, claim: 2, object: 3 } as const;

/** `end`: milliseconds since the epoch. `key`: the place of a request, the key of a token or claim in its table. */
export function endKey(kind: number, end: number, key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(1 + ORDINAL_BYTES + key.length);
  bytes.writeUInt8(kind, 0);
  bytes.writeUIntBE(end, 1, ORDINAL_BYTES);
  bytes.set(key, 1 + ORDINAL_BYTES);
  return bytes;
}

/** The key of what has ended, from a key of `ends`. */
export const endedKey = (key: Buffer): Buffer => key.subarray(1 + ORDINAL_BYTES);

export const revokedKey = (authority: string, id: Buffer): Buffer => Buffer.concat([name(authority), id]);

export const feedKey = (authority: string, revision: number): Buffer => Buffer.concat([name(authority), ordinal(revision)]);

export const crlKey = (authority: string, part: number, ...rest: readonly Buffer[]): Buffer => Buffer.concat([name(authority), Buffer.of(part), ...rest]);

/** The first key after all keys that begin with `prefix`. */
export function behind(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at -= 1) {
    const octet = end[at] ?? 0;
    if (octet < 255) {
      end[at] = octet + 1;
      return end.subarray(0, at + 1);
    }
  }
  return Buffer.alloc(prefix.length + 1, 255);
}
