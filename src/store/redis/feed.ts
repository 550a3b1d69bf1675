import { REASON_BY_CODE, REVOCATION_REASONS } from '../../x509/revocation-reason.ts';
import { name } from '../name.ts';
import type { RevocationChange, RevocationChanges } from '../crl-store.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { idOctets } from './keys.ts';
import { changeScript, changesScript } from './scripts/feed.ts';

/** A change without its position in the feed. */
export type Change = Omit<RevocationChange, 'revision' | 'serial'>;

/** Changes returned by one script call. */
const SLICE = 2000;

/**
 * The value of a change:
 *
 *     octets 0..5    at, seconds since the epoch
 *     octets 6..11   notAfter
 *     octet 12       reason code
 *     then           the CRL entry
 */
const DER_AT = 13;

export function encodeChange({ at, notAfter, reason, der }: Change): Buffer {
  const bytes = Buffer.allocUnsafe(DER_AT + der.length);
  bytes.writeUIntBE(at, 0, 6);
  bytes.writeUIntBE(notAfter, 6, 6);
  bytes[12] = REVOCATION_REASONS[reason];
  bytes.set(der, DER_AT);
  return bytes;
}

export function decodeChange(revision: number, serial: Buffer, bytes: Buffer): RevocationChange {
  const reason = REASON_BY_CODE.get(bytes[12] ?? -1);
  if (reason === undefined) throw new Error(`revocation ${revision} has a reason that is not known`);
  return { revision, serial: serial.toString('hex'), at: bytes.readUIntBE(0, 6), notAfter: bytes.readUIntBE(6, 6), reason, der: bytes.subarray(DER_AT) };
}

export async function readChange(engine: Engine, authority: string, serial: string): Promise<RevocationChange | undefined> {
  const id = idOctets(serial);
  if (id === undefined) return undefined;
  const [revision, change] = listOf(await engine.look(changeScript, name(authority), id));
  const bytes = bytesOf(change);
  return bytes === undefined ? undefined : decodeChange(Number(revision), id, bytes);
}

/** Reads the feed in slices, so that none of them holds up Redis. A serial that changes between two slices appears with its later change. */
export async function readChanges(engine: Engine, authority: string, after: number, limit: number): Promise<RevocationChanges> {
  const changes = new Map<string, RevocationChange>();
  for (let [from, taken] = [after, 0]; ;) {
    const wanted = Math.min(limit - taken, SLICE);
    const [revisionReply, floor, pairs, values] = listOf(await engine.look(changesScript, name(authority), from, Math.max(0, wanted)));
    const revision = Number(revisionReply);
    if (after > revision || (after > 0 && after < Number(floor))) return { revision, changes: [], restart: true };
    const found = listOf(values);
    for (const [at, value] of found.entries()) {
      const [serial, place] = [bytesOf(listOf(pairs)[2 * at]), bytesOf(listOf(pairs)[2 * at + 1])];
      const change = decodeChange(Number(place?.toString()), serial ?? Buffer.alloc(0), bytesOf(value) ?? Buffer.alloc(0));
      // Moves to the end, according to its revision.
      changes.delete(change.serial);
      changes.set(change.serial, change);
      from = change.revision;
    }
    taken += found.length;
    if (found.length < wanted || taken >= limit) return { revision, changes: Array.from(changes.values()), restart: false };
  }
}
