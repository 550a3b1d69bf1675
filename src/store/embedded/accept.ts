import type { CredentialRecord } from '../../identity/identity.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import type { AcceptOutcome, Acceptance } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import { encodeEntry, endOf, entryMarks, entryState, stateOf } from './catalogue.ts';
import { claimEnded } from './claims.ts';
import type { Reads } from './environment.ts';
import { STATES, ordinal } from './keys.ts';
import { claimMark, decodeMarks, encodeMarks, useMark } from './marks.ts';
import type { Mark } from './marks.ts';
import { changeObjects } from './objects.ts';
import { countQuota, quotaExceeded } from './quotas.ts';
import { encode, isBlocked, readAt, readStored, writeRecord } from './requests.ts';
import type { Encoded } from './requests.ts';
import { countUse, mayUse, readApiKey, readToken } from './tokens.ts';

/** An acceptance with everything precomputed that needs no transaction: the write lock is the bottleneck of all processes. */
interface Prepared {
  readonly acceptance: Acceptance;
  readonly encoded: Encoded;
  readonly entry: Buffer;
  readonly claims: readonly Mark[];
  readonly use: Mark | undefined;
}

/** @throws TypeError if the id is not a serial; RangeError for a request created as failed */
export function prepare(acceptance: Acceptance): Prepared {
  const { record, token } = acceptance;
  if (record.state === 'failed') throw new RangeError('a request cannot begin as failed');
  const claims = acceptance.claims.map(claimMark);
  const use = token === undefined ? undefined : useMark(token);
  const marks = encodeMarks(record.state === 'denied' ? [] : use === undefined ? claims : [...claims, use]);
  return { acceptance, encoded: encode(record), entry: encodeEntry(record, marks), claims, use };
}

/** Whether the credential record that identified the requester is still valid. `now` in milliseconds. */
function stands(tables: Reads, { kind, id }: CredentialRecord, now: number): boolean {
  switch (kind) {
    case 'certificate': {
      const stored = readStored(tables, id);
      return stored !== undefined && stateOf(stored.record) === STATES.issued && endOf(stored.record) >= now;
    }
    case 'token':
    case 'api-key': {
      const held = (kind === 'token' ? readToken(tables, id) : readApiKey(tables, id))?.record;
      return held !== undefined && held.revokedAt === undefined && (held.expiresAt ?? Infinity) > now;
    }
  }
}

/** The atomic step of `RequestStore.accept`, in the order given by its contract. */
export function accept(transaction: Transaction, { acceptance, encoded, entry, claims, use }: Prepared): AcceptOutcome {
  const { tables } = transaction;
  const { record, token, quota, guard, objects = [], audit, now } = acceptance;
  if (guard !== undefined && !stands(tables, guard, now)) return { outcome: 'identity-gone' };
  // 1. Asked before?
  const before = use === undefined || token === undefined ? undefined : firstUse(tables, transaction.marked(use.name), use.name, token.id, now);
  if (before !== undefined) return { outcome: 'exists', record: before };
  for (const [at, { name, fingerprint }] of claims.entries()) {
    const first = marking(tables, transaction.marked(name), name, now);
    if (first === undefined) continue;
    if (first.mark.fingerprint === fingerprint) return { outcome: 'exists', record: first.record };
    return { outcome: 'conflict', claim: acceptance.claims[at]?.key ?? '' };
  }
  // 2. A refusal yields no certificate: it is not counted, and nothing prevents it from being recorded.
  const counts = record.state !== 'denied';
  const held = counts && token !== undefined ? readToken(tables, token.id) : undefined;
  if (counts) {
    if (token !== undefined && (held === undefined || !mayUse(held, now))) return { outcome: 'token-exhausted' };
    const retryAfter = quota === undefined ? undefined : quotaExceeded(tables, quota, now);
    if (retryAfter !== undefined) return { outcome: 'quota-exceeded', retryAfter };
    if (isBlocked(tables, record.keyHash)) return { outcome: 'key-blocked' };
  }
  if (tables.requests.doesExist(encoded.key)) return { outcome: 'serial-taken' };
  // 3. All of it in one step.
  const lost = changeObjects(transaction, objects);
  if (lost !== undefined) return { outcome: 'superseded', of: lost };
  const place = transaction.place();
  writeRecord(transaction, encoded, entry, place);
  if (counts) {
    if (held !== undefined) countUse(transaction, held);
    if (quota !== undefined) countQuota(transaction, quota, now);
    transaction.mark(use === undefined ? claims : [...claims, use], place);
  }
  transaction.audit(audit);
  return { outcome: 'stored' };
}

/** The request that a token's use for this CSR created, as long as the token's record exists. */
export function firstUse(tables: Reads, places: readonly number[], name: Buffer, tokenId: string, now: number): RequestRecord | undefined {
  const first = marking(tables, places, name, now);
  return first === undefined || readToken(tables, tokenId) === undefined ? undefined : first.record;
}

interface Marked {
  readonly mark: Mark;
  readonly record: RequestRecord;
}

/** The request at one of the places that bears the mark, provided the mark is still in force. `now` in milliseconds. */
export function marking(tables: Reads, places: readonly number[], name: Buffer, now: number): Marked | undefined {
  for (const place of places) {
    const entry = tables.catalogue.getBinary(ordinal(place));
    if (entry === undefined) continue;
    for (const mark of decodeMarks(entryMarks(entry))) {
      if (!mark.name.equals(name) || claimEnded(mark, now) || (mark.livesWithRequest && FALLEN.has(entryState(entry)))) continue;
      const record = readAt(tables, entry);
      if (record !== undefined) return { mark, record };
    }
  }
  return undefined;
}

/** States of a request in which claims that live with it lapse. */
const FALLEN: ReadonlySet<number> = new Set([STATES.denied, STATES.failed, STATES.revoked]);
