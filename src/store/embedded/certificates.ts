import { withoutBlocked } from '../../audit/entry.ts';
import { revise } from '../revise.ts';
import type { CertificateStore, ReleaseOutcome, RevokeOutcome } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import type { Environment } from './environment.ts';
import { putChange } from './feed.ts';
import { certificateTest } from './filters.ts';
import type { Hints } from './hints.ts';
import { NOTHING, digestKey } from './keys.ts';
import { encode, isBlocked, listRecords, readStored, rewriteRecord } from './requests.ts';
import type { Stored } from './requests.ts';

/** Issued certificates: a view of the same records. */
export function certificateStore(environment: Environment, batches: Batches, hints: Hints): CertificateStore {
  return {
    get: (serial) => environment.read((tables) => issued(readStored(tables, serial))?.record),

    list: (filter, page, now) => listRecords(environment, 'certificates', certificateTest(filter, now), page),

    revoke: async (serial, revocation, entry, { blockKey }, audit) => {
      const outcome = await batches.submit((transaction): RevokeOutcome => {
        const stored = issued(readStored(transaction.tables, serial));
        if (stored === undefined) return { outcome: 'unknown' };
        const before = stored.record;
        const effective = revise(before.revocation, revocation);
        if (effective === undefined) return { outcome: 'already-revoked', record: before };
        const record = { ...before, revocation: effective };
        const encoded = encode(record);
        putChange(transaction, record.authority, encoded.key, { ...effective, notAfter: record.notAfter ?? 0, der: entry(effective.at) });
        rewriteRecord(transaction, record, encoded, stored);
        const known = blockKey && isBlocked(transaction.tables, record.keyHash);
        if (blockKey) blockKeyOf(transaction, record.keyHash);
        transaction.audit(known ? withoutBlocked(audit) : audit);
        return { outcome: 'revoked', record };
      });
      if (outcome.outcome === 'revoked') hints.give(outcome.record.authority);
      return outcome;
    },

    release: async (serial, at, entry, audit) => {
      const outcome = await batches.submit((transaction): ReleaseOutcome => {
        const stored = issued(readStored(transaction.tables, serial));
        if (stored === undefined) return { outcome: 'unknown' };
        const { revocation, ...record } = stored.record;
        if (revocation?.reason !== 'certificateHold') return { outcome: 'not-held', record: stored.record };
        const encoded = encode(record);
        putChange(transaction, record.authority, encoded.key, { at, reason: 'removeFromCRL', notAfter: record.notAfter ?? 0, der: entry(at) });
        rewriteRecord(transaction, record, encoded, stored);
        transaction.audit(audit);
        return { outcome: 'released', record };
      });
      if (outcome.outcome === 'released') hints.give(outcome.record.authority);
      return outcome;
    },
  };
}

const issued = (stored: Stored | undefined): Stored | undefined => (stored?.record.state === 'issued' ? stored : undefined);

export const blockKeyOf = (transaction: Transaction, keyHash: string): void => transaction.put('blocked', digestKey(keyHash), NOTHING);
