import { hash } from 'node:crypto';
import { type AuditDraft, withoutBlocked } from '../../audit/entry.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { name } from '../name.ts';
import { revise } from '../revise.ts';
import { StoreUnavailable } from '../store.ts';
import type { CertificateStore } from '../store.ts';
import { auditLines } from './engine.ts';
import type { Engine } from './engine.ts';
import { encodeChange } from './feed.ts';
import type { Change } from './feed.ts';
import { certificateTest } from './filters.ts';
import type { Hints } from './hints.ts';
import { KEYS, digestOctets, idOctets } from './keys.ts';
import { listRecords } from './listing.ts';
import { encodeStored, recordOf } from './stored-record.ts';

/** Attempts to update a record while others are changing it, which happens only a few times in its life. */
const TRIES = 10;

/** The new state of a record, and of its revocation status. */
interface Revision {
  readonly record: RequestRecord;
  readonly change: Change;
  /** Digest of a key to be blocked, if any. */
  readonly block: string | undefined;
}

/** Issued certificates: a view of the same records. */
export function certificateStore(engine: Engine, hints: Hints): CertificateStore {
  return {
    get: async (serial) => (await readIssued(engine, serial))?.record,

    list: (filter, page, now) => listRecords(engine, 'certificates', certificateTest(filter, now), page),

    async revoke(serial, revocation, entry, { blockKey }, audit) {
      const { before, after } = await reviseRecord(engine, serial, audit, (record) => {
        const effective = revise(record.revocation, revocation);
        if (effective === undefined) return undefined;
        return {
          record: { ...record, revocation: effective },
          change: { ...effective, notAfter: record.notAfter ?? 0, der: entry(effective.at) },
          block: blockKey ? record.keyHash : undefined,
        };
      });
      if (before === undefined) return { outcome: 'unknown' };
      if (after === undefined) return { outcome: 'already-revoked', record: before };
      hints.give(after.authority);
      return { outcome: 'revoked', record: after };
    },

    async release(serial, at, entry, audit) {
      const { before, after } = await reviseRecord(engine, serial, audit, ({ revocation, ...record }) => {
        if (revocation?.reason !== 'certificateHold') return undefined;
        return { record, change: { at, reason: 'removeFromCRL', notAfter: record.notAfter ?? 0, der: entry(at) }, block: undefined };
      });
      if (before === undefined) return { outcome: 'unknown' };
      if (after === undefined) return { outcome: 'not-held', record: before };
      hints.give(after.authority);
      return { outcome: 'released', record: after };
    },
  };
}

async function readIssued(engine: Engine, serial: string): Promise<{ readonly id: Buffer; readonly value: Buffer; readonly record: RequestRecord } | undefined> {
  const id = idOctets(serial);
  const value = id === undefined ? undefined : await engine.get(engine.keys.record(id));
  if (id === undefined || value === undefined) return undefined;
  const record = recordOf(value);
  return record.state === 'issued' ? { id, value, record } : undefined;
}

/**
 * Updates a certificate's record and revocation status, provided that the record is still as read; otherwise starts over. `after` is undefined if there
 * was nothing to write, `before` if there is no such certificate.
 */
async function reviseRecord(
  engine: Engine, serial: string, audit: readonly AuditDraft[], decide: (record: RequestRecord) => Revision | undefined,
): Promise<{ readonly before?: RequestRecord; readonly after?: RequestRecord }> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const found = await readIssued(engine, serial);
    if (found === undefined) return {};
    const { id, value, record: before } = found;
    const revision = decide(before);
    if (revision === undefined) return { before };
    const { record, change, block } = revision;
    const { value: next, end } = encodeStored(record, []);
    const digest = hash('sha1', value, 'hex');
    const known = block !== undefined && (await engine.read(['SISMEMBER', engine.keys.of(KEYS.blocked), digestOctets(block)]))[0] === 1;
    const standing = [name(record.authority), id, encodeChange(change)];
    const reply = await engine.submit('replace', digest, id, { bulk: next }, end, block === undefined ? '' : digestOctets(block), standing, auditLines(known ? withoutBlocked(audit) : audit));
    if (reply === 0) return { before, after: record };
  }
  throw new StoreUnavailable('the certificate\'s record keeps changing');
}
