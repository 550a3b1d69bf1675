import { name } from '../name.ts';

/**
 * The layout of the Redis store: every key and its value is defined here, and nowhere else (docs/redis-layout.md explains why). All keys start with the
 * same hash tag, `{<prefix>}:`, so that they are in one slot, and a single script may access any of them.
 *
 * | key | type | content |
 * |---|---|---|
 * | meta | hash | see META |
 * | r:<id> | string | a request, complete: authoritative for the next four, which are indexes (`stored-record.ts`) |
 * | p:<n> | list | the ids of the requests at the places from n * CHUNK on; empty entries for those removed |
 * | chunks | zset | the numbers n |
 * | s:<state> | zset | id by place: the requests in every state but `issued` |
 * | c:<first 18 bits of a name> | hash | the name's first octets -> id of the request that bears the mark |
 * | e:<n> | list | ids of the requests that end in the n-th interval (END_BUCKET) |
 * | ends | zset | the numbers n |
 * | t:<name>, k:<name> | string | an enrolment token, an API key (`credentials.ts`) |
 * | tokens, keys | zset | their names by place |
 * | token-ends | zset | names of tokens by expiry |
 * | cc | hash | name of a claim on a token or API key -> what it stands for |
 * | cc-ends | zset | names of those claims by expiry |
 * | q:<end> | hash | name and length of a quota window that ends then -> count |
 * | quotas | zset | those ends |
 * | blocked | set | digests of public keys |
 * | audit | stream | lines of the log; an entry's id is the sequence of the last one in it (`audit.ts`) |
 * | seals | stream | hash of each SEAL_EVERY-th line, its id the sequence |
 * | crl:<authority> | hash | state of its feed and documents: see CRL_FIELDS |
 * | f:<authority> | zset | serials by the revision of their latest change |
 * | fc:<authority> | hash | serial -> the change (`feed.ts`) |
 * | d:<authority><document><generation> | string | a document's DER; it expires unless its head refers to it |
 * | o:<octets of kind and id> | string | a small versioned object (`objects.ts`) |
 * | oi:<name of an index> | zset | order (6 octets) and key of each object in it, all with score 0: in the order of their octets |
 * | object-ends | zset | keys of objects by expiry |
 * | object-feed | zset | keys of objects, except momentary ones, by the number of their latest change |
 * | leases | hash | name -> end, fence, holder |
 * | replicas | hash | id -> when it was seen, entry (JSON) |
 *
 * Ids are a serial's octets, names are SHA-256 (`name.ts`): no external text is used in a key as it is.
 */
export const KEYS = {
  meta: 'meta',
  record: 'r:',
  places: 'p:',
  chunks: 'chunks',
  states: 's:',
  claims: 'c:',
  ending: 'e:',
  ends: 'ends',
  token: 't:',
  apiKey: 'k:',
  tokens: 'tokens',
  apiKeys: 'keys',
  tokenEnds: 'token-ends',
  credentialClaims: 'cc',
  credentialClaimEnds: 'cc-ends',
  quota: 'q:',
  quotas: 'quotas',
  blocked: 'blocked',
  audit: 'audit',
  seals: 'seals',
  crl: 'crl:',
  feed: 'f:',
  changes: 'fc:',
  document: 'd:',
  object: 'o:',
  objectIndex: 'oi:',
  objectEnds: 'object-ends',
  objectFeed: 'object-feed',
  leases: 'leases',
  replicas: 'replicas',
} as const;

/** Fields of `crl:<authority>`; single letters are followed by a name or number. */
export const CRL_FIELDS = {
  /** The last revision of the feed. */
  revision: 'revision',
  /** Publications and retirements so far. */
  publications: 'publications',
  /** The highest revision of a release dropped from the feed. */
  floor: 'floor',
  /** Name of a document: its head (JSON). */
  head: 'h',
  /** Name of a sequence of documents: number, thisUpdate and revision of the last one (JSON). */
  sequence: 's',
  /** A count of shards: the generation (JSON). */
  shards: 'g',
} as const;

/** Fields of `meta`. */
export const META = {
  /** The version of this layout, as text. */
  format: 'format',
  /** 32 random octets that authenticate cursors. */
  cursorKey: 'cursor-key',
  /** The last place assigned to a request. */
  place: 'place',
  /** The last place assigned to a token or API key. */
  credentialPlace: 'credential-place',
  /** The number of the log's newest line. */
  sequence: 'sequence',
  /** SHA-1 over its previous value and the lines of each log entry: two processes with the same link know the same lines. */
  link: 'link',
  /** The newest line whose hash is known, with that hash: `<sequence> <hex>`. */
  sealed: 'sealed',
  /** The number of the last change in `object-feed`. */
  objectChange: 'object-change',
  /** Progress of loading another store's content (`transfer.ts`); absent in a complete store. */
  loading: 'loading',
} as const;

/** Places per list. Redis keeps a list of this many ids in one piece of memory. */
export const CHUNK = 256;
/** Milliseconds covered by one list of `ends`: about 17 minutes. */
export const END_BUCKET = 2 ** 20;
/** Octets of a name under which a claim is found; the request's mark contains the whole name. */
export const CLAIM_FIELD = 16;
/** Lines of the log between two stored hashes. */
export const SEAL_EVERY = 256;

/** A record's state, in its first octet and in `s:`; revoked certificates have a state of their own. */
export const STATES = { issued: 0, pending: 1, approved: 2, denied: 3, failed: 4, revoked: 5 } as const;

export const NAME_BYTES = 32;

/** The keys of one store. */
export interface Keyspace {
  /** Prefix of all keys, including the hash tag. */
  readonly prefix: string;
  readonly meta: string;
  readonly record: (id: Buffer) => Buffer;
  readonly of: (key: string, suffix?: Buffer | string | number) => Buffer;
}

export function keyspace(prefix: string): Keyspace {
  const start = `{${prefix}}:`;
  const of = (key: string, suffix: Buffer | string | number = ''): Buffer =>
    Buffer.concat([Buffer.from(start + key), Buffer.isBuffer(suffix) ? suffix : Buffer.from(String(suffix))]);
  return { prefix: start, meta: start + KEYS.meta, of, record: (id) => of(KEYS.record, id) };
}

const ID = /^(?:[0-9a-f]{2}){1,20}$/;

/** A request's id as octets; undefined for text that cannot be one (a serial: lower-case hex, at most 20 octets, RFC 5280 4.1.2.2). */
export const idOctets = (id: string): Buffer | undefined => (ID.test(id) ? Buffer.from(id, 'hex') : undefined);

const DIGEST = /^[0-9a-f]{64}$/;

/** A public key's digest (SHA-256 of its SubjectPublicKeyInfo, lower-case hex), or any other text given in its place, as 32 octets. */
export const digestOctets = (digest: string): Buffer => (DIGEST.test(digest) ? Buffer.from(digest, 'hex') : name('no digest', digest));

/** End of the fixed window, of the given number of seconds, that contains `now`: milliseconds since the epoch. */
export const windowEnd = (window: number, now: number): number => (Math.floor(now / (window * 1000)) + 1) * window * 1000;

/** The field of a quota window within `q:<end>`. */
export function quotaField(quota: Buffer, window: number): Buffer {
  const field = Buffer.alloc(NAME_BYTES + 6);
  quota.copy(field);
  field.writeUIntBE(window, NAME_BYTES, 6);
  return field;
}
