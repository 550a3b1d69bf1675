import type { Revocation } from '../../issuance/request.ts';
import type { CertificateStore, RevokeOutcome } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import { putCrlEntry } from './crls.ts';
import type { Environment } from './environment.ts';
import { certificateTest } from './filters.ts';
import { NOTHING, digestKey } from './keys.ts';
import { encode, listRecords, readStored, rewriteRecord } from './requests.ts';
import type { Stored } from './requests.ts';

/** Issued certificates: the same records, seen from their end. */
export function certificateStore(environment: Environment, batches: Batches): CertificateStore {
  return {
    get: (serial) => environment.read((tables) => issued(readStored(tables, serial))?.record),

    list: (filter, page, now) => listRecords(environment, 'certificates', certificateTest(filter, now), page),

    revoke: (serial, revocation, entry, { blockKey }, audit) => batches.submit((transaction): RevokeOutcome => {
      const stored = issued(readStored(transaction.tables, serial));
      if (stored === undefined) return { outcome: 'unknown' };
      const before = stored.record;
      const effective = revise(before.revocation, revocation);
      if (effective === undefined) return { outcome: 'already-revoked', record: before };
      const record = { ...before, revocation: effective };
      const encoded = encode(record);
      putCrlEntry(transaction, record.authority, encoded.key, record.notAfter ?? 0, entry(effective.at));
      rewriteRecord(transaction, record, encoded, stored);
      if (blockKey) blockKeyOf(transaction, record.keyHash);
      transaction.audit(audit);
      return { outcome: 'revoked', record };
    }),
  };
}

const issued = (stored: Stored | undefined): Stored | undefined => (stored?.record.state === 'issued' ? stored : undefined);

/** What the revocation becomes; undefined where it stays. Its time never changes, its reason only to keyCompromise (RFC 5280 5.3.1). */
function revise(before: Revocation | undefined, wanted: Revocation): Revocation | undefined {
  if (before === undefined) return wanted;
  return wanted.reason === 'keyCompromise' && before.reason !== 'keyCompromise' ? { ...before, reason: wanted.reason } : undefined;
}

export const blockKeyOf = (transaction: Transaction, keyHash: string): void => transaction.put('blocked', digestKey(keyHash), NOTHING);
