import { claimName, useName } from '../name.ts';
import type { RequestStore, TransitionOutcome } from '../store.ts';
import { assertAmendment, assertTransition } from '../transitions.ts';
import { accept, firstUse, marking, prepare } from './accept.ts';
import type { Batches } from './batch.ts';
import type { Environment } from './environment.ts';
import { requestTest } from './filters.ts';
import type { MarkIndex } from './mark-index.ts';
import { changeObjects } from './objects.ts';
import { countQuota, quotaExceeded, quotaTaken } from './quotas.ts';
import { encode, isBlocked, isStored, listRecords, readStored, rewriteRecord } from './requests.ts';

/** Requests: acceptance, state transitions, and listing. */
export function requestStore(environment: Environment, batches: Batches, marks: MarkIndex): RequestStore {
  return {
    async accept(acceptance) {
      const prepared = prepare(acceptance);
      return batches.submit((transaction) => accept(transaction, prepared));
    },

    get: (id) => environment.read((tables) => readStored(tables, id)?.record),

    find: ({ claims, token }, now) => environment.read((tables) => {
      marks.follow(tables);
      if (token !== undefined) {
        const name = useName(token);
        const record = firstUse(tables, marks.find(name), name, token.id, now);
        if (record !== undefined) return { record, fingerprint: token.csrDigest };
      }
      for (const key of claims) {
        const name = claimName(key);
        const first = marking(tables, marks.find(name), name, now);
        if (first !== undefined) return { record: first.record, fingerprint: first.mark.fingerprint };
      }
      return undefined;
    }),

    async transition(from, record, audit, objects = []) {
      assertTransition(from, record.state);
      const encoded = encode(record);
      return batches.submit((transaction): TransitionOutcome => {
        const stored = readStored(transaction.tables, record.id);
        if (stored === undefined) return { outcome: 'unknown' };
        if (stored.record.state !== from) return { outcome: 'moved-on', record: stored.record };
        const certifies = record.state === 'approved' || record.state === 'issued';
        if (certifies && isBlocked(transaction.tables, record.keyHash)) return { outcome: 'key-blocked' };
        const lost = changeObjects(transaction, objects);
        if (lost !== undefined) return { outcome: 'superseded', of: lost };
        rewriteRecord(transaction, record, encoded, stored);
        transaction.audit(audit);
        return { outcome: 'stored', record };
      });
    },

    async amend(seen, record, audit) {
      assertAmendment(seen, record);
      const [before, encoded] = [encode(seen), encode(record)];
      return batches.submit((transaction): TransitionOutcome => {
        const stored = readStored(transaction.tables, record.id);
        if (stored === undefined) return { outcome: 'unknown' };
        if (!isStored(transaction.tables, before)) return { outcome: 'moved-on', record: stored.record };
        rewriteRecord(transaction, record, encoded, stored);
        transaction.audit(audit);
        return { outcome: 'stored', record };
      });
    },

    list: (filter, page) => listRecords(environment, 'requests', requestTest(filter), page),

    async takeQuotas(quotas, now) {
      if (quotas.length === 0) return undefined;
      return batches.submit((transaction) => {
        for (const quota of quotas) {
          const retryAfter = quotaExceeded(transaction.tables, quota, now);
          if (retryAfter !== undefined) return { quota, retryAfter };
        }
        for (const quota of quotas) countQuota(transaction, quota, now);
        return undefined;
      });
    },

    quotaUsed: (key, window, now) => environment.read((tables) => quotaTaken(tables, { key, window }, now)),
  };
}
