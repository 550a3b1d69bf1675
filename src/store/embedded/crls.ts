import { setImmediate } from 'node:timers/promises';
import type { AuditDraft } from '../../audit/entry.ts';
import { name } from '../name.ts';
import type { CrlHead, CrlStore, PublishedCrl } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import type { Environment, Reads } from './environment.ts';
import { CRL_PARTS, NAME_BYTES, ORDINAL_BYTES, behind, crlKey, idKey, ordinal, readOrdinal, revokedKey } from './keys.ts';

type Entries = Awaited<ReturnType<CrlStore['entries']>>;

/** Octets of a CRL in one value: LMDB needs that much in one piece of the file. */
const PIECE = 65_536;
/** Entries read in one go; then the event loop serves others. */
const SLICE = 2000;
/** Entries on one page of the files, about. */
const ENTRIES_A_PAGE = 25;
/** Views that a revocation may spoil before the entries are read in one go. */
const TRIES = 4;

/** Where a scope's entries stand: `revision` rises with every revocation, `changes` also when entries leave. */
interface Standing {
  readonly revision: number;
  readonly changes: number;
}

function standing(tables: Reads, scope: string): Standing {
  const bytes = tables.crls.getBinary(crlKey(name(scope), CRL_PARTS.revision));
  return bytes === undefined ? { revision: 0, changes: 0 } : { revision: readOrdinal(bytes), changes: readOrdinal(bytes, ORDINAL_BYTES) };
}

const putStanding = (transaction: Transaction, scope: string, { revision, changes }: Standing): void =>
  transaction.put('crls', crlKey(name(scope), CRL_PARTS.revision), Buffer.concat([ordinal(revision), ordinal(changes)]));

/** Adds or replaces the encoded CRL entry of a certificate that ends at `notAfter` (seconds), and raises the scope's revision. */
export function putCrlEntry(transaction: Transaction, scope: string, id: Buffer, notAfter: number, der: Uint8Array): void {
  transaction.put('revoked', revokedKey(scope, id), Buffer.concat([ordinal(notAfter), der]));
  const { revision, changes } = standing(transaction.tables, scope);
  putStanding(transaction, scope, { revision: revision + 1, changes: changes + 1 });
}

/** Whether a certificate's entry is among those for the next CRL. */
export const onNextCrl = (tables: Reads, scope: string, id: Buffer): boolean => tables.revoked.doesExist(revokedKey(scope, id));

/** CRLs, one scope for each authority. */
export function crlStore(environment: Environment, batches: Batches): CrlStore {
  return {
    async entries(scope) {
      for (let attempt = 1; attempt < TRIES; attempt += 1) {
        const entries = await entriesInSlices(environment, scope);
        if (entries !== undefined) return entries;
      }
      return environment.read((tables) => ({ revision: standing(tables, scope).revision, entries: slice(tables, scope, undefined, Infinity) }));
    },
    revision: (scope) => environment.read((tables) => standing(tables, scope).revision),
    head: (scope) => environment.read((tables) => readHead(tables, scope)),
    current: (scope) => environment.read((tables) => {
      const head = readHead(tables, scope);
      return head === undefined ? undefined : { ...head, der: readDer(tables, scope) };
    }),
    publish: (scope, crl, drop, audit) => batches.submit((transaction) => publish(transaction, scope, crl, drop, audit)),
  };
}

/** One consistent view, read in slices: undefined where the entries changed meanwhile. */
async function entriesInSlices(environment: Environment, scope: string): Promise<Entries | undefined> {
  const before = await environment.read((tables) => standing(tables, scope));
  const entries: Entries['entries'][number][] = [];
  for (;;) {
    const after = entries.at(-1)?.serial;
    const look = (tables: Reads) => [slice(tables, scope, after, SLICE), standing(tables, scope)] as const;
    const [more, now] = await environment.read(look, SLICE / ENTRIES_A_PAGE);
    if (now.changes !== before.changes) return undefined;
    for (const entry of more) entries.push(entry);
    if (more.length < SLICE) return { revision: before.revision, entries };
    await setImmediate();
  }
}

function slice(tables: Reads, scope: string, after: string | undefined, limit: number): Entries['entries'][number][] {
  const prefix = name(scope);
  const start = after === undefined ? prefix : Buffer.concat([prefix, Buffer.from(after, 'hex'), Buffer.of(0)]);
  const range = { start, end: behind(prefix), ...(limit === Infinity ? {} : { limit }) };
  return Array.from(tables.revoked.getRange(range), ({ key, value }) => ({
    serial: key.toString('hex', NAME_BYTES),
    notAfter: readOrdinal(value),
    der: value.subarray(ORDINAL_BYTES),
  }));
}

function publish(
  transaction: Transaction, scope: string, { der, ...head }: PublishedCrl, drop: readonly string[], audit: readonly AuditDraft[],
): 'stored' | 'superseded' {
  const { tables } = transaction;
  const last = readHead(tables, scope);
  if (head.number !== (last?.number ?? 0n) + 1n) return 'superseded';
  if (last !== undefined && (head.thisUpdate < last.thisUpdate || head.revision < last.revision)) return 'superseded';
  const key = name(scope);
  transaction.put('crls', crlKey(key, CRL_PARTS.head), Buffer.from(JSON.stringify({ ...head, number: head.number.toString() })));
  const pieces = Math.ceil(der.length / PIECE);
  for (let piece = 0; piece < pieces; piece += 1) {
    transaction.put('crls', crlKey(key, CRL_PARTS.der, piece), Buffer.from(der.subarray(piece * PIECE, (piece + 1) * PIECE)));
  }
  for (const old of tables.crls.getKeys({ start: crlKey(key, CRL_PARTS.der, pieces), end: behind(crlKey(key, CRL_PARTS.der)) })) {
    transaction.remove('crls', old);
  }
  if (last !== undefined) dropEnded(transaction, scope, drop, last.thisUpdate);
  transaction.audit(audit);
  return 'stored';
}

/** An entry leaves only once it was on a CRL issued after its certificate had ended (RFC 5280 3.3), whatever the caller says. */
function dropEnded(transaction: Transaction, scope: string, drop: readonly string[], lastThisUpdate: number): void {
  const { tables } = transaction;
  let dropped = 0;
  for (const serial of drop) {
    const id = idKey(serial);
    const entry = id === undefined ? undefined : tables.revoked.getBinary(revokedKey(scope, id));
    if (id === undefined || entry === undefined || readOrdinal(entry) >= lastThisUpdate) continue;
    transaction.remove('revoked', revokedKey(scope, id));
    dropped += 1;
  }
  if (dropped === 0) return;
  const { revision, changes } = standing(tables, scope);
  putStanding(transaction, scope, { revision, changes: changes + 1 });
}

function readHead(tables: Reads, scope: string): CrlHead | undefined {
  const bytes = tables.crls.getBinary(crlKey(name(scope), CRL_PARTS.head));
  if (bytes === undefined) return undefined;
  const head = JSON.parse(bytes.toString()) as Omit<CrlHead, 'number'> & { readonly number: string };
  return { ...head, number: BigInt(head.number) };
}

function readDer(tables: Reads, scope: string): Uint8Array {
  const prefix = crlKey(name(scope), CRL_PARTS.der);
  return Buffer.concat(Array.from(tables.crls.getRange({ start: prefix, end: behind(prefix) }), ({ value }) => value));
}
