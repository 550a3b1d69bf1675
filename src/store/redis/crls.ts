import type { AuditDraft } from '../../audit/entry.ts';
import { name } from '../name.ts';
import { revise } from '../revise.ts';
import { StoreUnavailable } from '../store.ts';
import { decodeHead, decodeSequence, encodeHead, encodeSequence, followsOn, type Sequence, type StoredHead } from '../crl-head.ts';
import type { AddOutcome, CrlDocument, CrlStore, PublishedCrl, ShardGeneration } from '../crl-store.ts';
import { widen } from '../shard-generation.ts';
import { documentKey, headField, newGeneration, sequenceField } from './documents.ts';
import { auditLines, bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { encodeChange, readChange, readChanges } from './feed.ts';
import type { Hints } from './hints.ts';
import { CRL_FIELDS, KEYS, idOctets } from './keys.ts';
import type { Packable } from './pack.ts';
import { stageScript } from './scripts/feed.ts';

/** Octets of a document written or read at a time. */
const PIECE = 2 ** 20;
/** Serials dropped at a time. */
const DROP_SLICE = 500;
/** Attempts while other processes interfere. */
const TRIES = 20;

/** Revocations and their documents, per authority. */
export function crlStore(engine: Engine, hints: Hints): CrlStore {
  const hashOf = (authority: string): Buffer => engine.keys.of(KEYS.crl, name(authority));
  const field = async (authority: string, of: Buffer): Promise<string | undefined> => {
    const [reply] = await engine.read(['HGET', hashOf(authority), of]);
    return bytesOf(reply)?.toString();
  };
  const fields = async (authority: string): Promise<(readonly [field: Buffer, value: Buffer])[]> => {
    const [reply] = await engine.read(['HGETALL', hashOf(authority)]);
    const all = listOf(reply).map((one) => bytesOf(one) ?? Buffer.alloc(0));
    return all.flatMap((one, at) => (at % 2 === 0 ? [[one, all[at + 1] ?? Buffer.alloc(0)] as const] : []));
  };
  const readHead = async (authority: string, document: CrlDocument): Promise<StoredHead | undefined> => {
    const json = await field(authority, headField(document));
    return json === undefined ? undefined : decodeHead(json);
  };

  const changeShards = async (authority: string, count: number, change: (before: ShardGeneration | undefined) => ShardGeneration | undefined): Promise<void> => {
    const of = CRL_FIELDS.shards + String(count);
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const before = await field(authority, Buffer.from(of));
      const after = change(before === undefined ? undefined : JSON.parse(before) as ShardGeneration);
      const json = after === undefined ? '' : JSON.stringify(after);
      if (json === (before ?? '') || await engine.submit('shards', name(authority), of, before ?? '', json) === 0) return;
    }
    throw new StoreUnavailable('the shards of the authority keep changing');
  };

  return {
    async standing(authority) {
      const [reply] = await engine.read(['HMGET', hashOf(authority), CRL_FIELDS.revision, CRL_FIELDS.publications]);
      const [revision = 0, publications = 0] = listOf(reply).map((one) => Number(bytesOf(one)?.toString() ?? 0));
      return { revision, publications };
    },
    changes: (authority, after, limit) => readChanges(engine, authority, after, limit),
    change: (authority, serial) => readChange(engine, authority, serial),

    async add(authority, { serial, notAfter }, revocation, entry, audit): Promise<AddOutcome> {
      const id = idOctets(serial);
      if (id === undefined) throw new TypeError('a serial is lower-case hex of at most 20 octets');
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const before = await readChange(engine, authority, serial);
        const effective = revise(before?.reason === 'removeFromCRL' ? undefined : before, revocation);
        if (before !== undefined && effective === undefined) return { outcome: 'already-revoked', change: before };
        const { at, reason } = effective ?? revocation;
        const change = { at, reason, notAfter, der: entry(at) };
        const revision = Number(await engine.submit('add', name(authority), id, before?.revision ?? 0, encodeChange(change), auditLines(audit)));
        if (revision === 0) continue;
        hints.give(authority);
        return { outcome: 'revoked', change: { revision, serial, ...change } };
      }
      throw new StoreUnavailable('the certificate\'s standing keeps changing');
    },

    async drop(authority, serials) {
      let dropped = 0;
      const ids = [...new Set(serials)].map(idOctets).filter((id) => id !== undefined);
      for (let from = 0; from < ids.length; from += DROP_SLICE) {
        dropped += Number(await engine.submit('drop', name(authority), ids.slice(from, from + DROP_SLICE)));
      }
      return dropped;
    },

    async heads(authority) {
      const heads = (await fields(authority)).filter(([of]) => of.length > 32 && of.toString('latin1', 0, 1) === CRL_FIELDS.head);
      return new Map(heads.map(([, json]) => decodeHead(json.toString())).map(({ document, head }) => [document, head]));
    },
    head: async (authority, document) => (await readHead(authority, document))?.head,
    async current(authority, document) {
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const stored = await readHead(authority, document);
        if (stored === undefined) return undefined;
        const der = await readDocument(engine, documentKey(engine.keys, authority, document, stored.generation), stored.size);
        if (der !== undefined) return { ...stored.head, der };
      }
      throw new StoreUnavailable(`the CRL ${document} of ${authority} was replaced ${TRIES} times while it was read`);
    },
    lastNumber: async (authority, document) => decodeSequence(await field(authority, sequenceField(document))).number,

    async publish(authority, documents, audit) {
      const outcome = await publish(engine, authority, documents, audit);
      if (outcome === 'stored') hints.give(authority);
      return outcome;
    },
    async retire(authority, documents, audit) {
      await engine.submit('retire', name(authority), documents.map(headField), auditLines(audit));
      hints.give(authority);
    },

    async shardGenerations(authority) {
      const shards = (await fields(authority)).filter(([of]) => /^g\d+$/.test(of.toString('latin1')));
      return shards.map(([, json]) => JSON.parse(json.toString()) as ShardGeneration).sort((a, b) => a.count - b.count);
    },
    keepShards: (authority, generation) => changeShards(authority, generation.count, (before) => widen(before, generation) ?? before),
    forgetShards: (authority, count, now) => changeShards(authority, count, (before) => (before !== undefined && before.until < now ? undefined : before)),
    onHint: (listener) => hints.listen(listener),
  };
}

/** A document's bytes, read in pieces; undefined if it was replaced meanwhile. */
async function readDocument(engine: Engine, key: Buffer, size: number): Promise<Uint8Array | undefined> {
  const pieces: Buffer[] = [];
  for (let from = 0; from < size; from += PIECE) {
    const [reply] = await engine.read(['GETRANGE', key, from, Math.min(size, from + PIECE) - 1]);
    pieces.push(bytesOf(reply) ?? Buffer.alloc(0));
  }
  const der = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  return der.length === size ? der : undefined;
}

/** Large documents are written ahead, in pieces; the final step makes them current. */
async function publish(
  engine: Engine, authority: string, documents: ReadonlyMap<CrlDocument, PublishedCrl>, audit: readonly AuditDraft[],
): Promise<'stored' | 'superseded'> {
  const names = [...documents.keys()];
  if (names.length === 0) return 'stored';
  const [reply] = await engine.read(['HMGET', engine.keys.of(KEYS.crl, name(authority)), ...names.map(sequenceField)]);
  const sequences = new Map(names.map((document, at) => [document, bytesOf(listOf(reply)[at])?.toString()]));
  if (!followsOn(documents, (document) => decodeSequence(sequences.get(document)))) return 'superseded';
  const operands: Packable[] = [];
  for (const [document, crl] of documents) operands.push(await operandOf(engine, authority, document, crl, sequences.get(document), crl));
  return store(engine, authority, operands, audit);
}

async function store(engine: Engine, authority: string, operands: readonly Packable[], audit: readonly AuditDraft[]): Promise<'stored' | 'superseded'> {
  const stored = await engine.submit('publish', name(authority), operands, auditLines(audit));
  if (stored === 2) throw lostAhead();
  return stored === 0 ? 'stored' : 'superseded';
}

const lostAhead = (): StoreUnavailable => new StoreUnavailable('the bytes of the CRL that were written ahead are gone');

/** A document as the script expects it; if it is large, its bytes are written ahead. */
async function operandOf(engine: Engine, authority: string, document: CrlDocument, crl: PublishedCrl, sequence: string | undefined, following: Sequence): Promise<Packable> {
  const generation = newGeneration();
  const key = documentKey(engine.keys, authority, document, generation);
  const ahead = crl.der.length > PIECE;
  const der = Buffer.from(crl.der.buffer, crl.der.byteOffset, crl.der.length);
  for (let at = 0; ahead && at < der.length; at += PIECE) if (await engine.run(stageScript, key, at, der.subarray(at, at + PIECE)) !== 0) throw lostAhead();
  return [
    headField(document), encodeHead(document, crl, generation), sequenceField(document), sequence ?? '', encodeSequence(document, following), key, der.length, ahead ? 0 : { bulk: der },
  ];
}

/** Loads a document from another store, unless one with a higher number is current; its sequence only moves forward. */
export async function loadDocument(engine: Engine, authority: string, document: CrlDocument, crl: PublishedCrl): Promise<'added' | 'advanced' | 'kept'> {
  const [head, last] = listOf((await engine.read(['HMGET', engine.keys.of(KEYS.crl, name(authority)), headField(document), sequenceField(document)]))[0]).map((one) => bytesOf(one)?.toString());
  if (head !== undefined && decodeHead(head).head.number >= crl.number) return 'kept';
  const before = decodeSequence(last);
  const following = { number: crl.number > before.number ? crl.number : before.number, thisUpdate: Math.max(crl.thisUpdate, before.thisUpdate), revision: Math.max(crl.revision, before.revision) };
  if (await store(engine, authority, [await operandOf(engine, authority, document, crl, last, following)], []) !== 'stored') throw new StoreUnavailable('somebody else publishes while CRLs are loaded');
  return head === undefined ? 'added' : 'advanced';
}
