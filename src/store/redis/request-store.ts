import type { CredentialRecord } from '../../identity/identity.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { claimName, name, quotaName, useName } from '../name.ts';
import type { ObjectChange } from '../objects.ts';
import { StoreUnavailable } from '../store.ts';
import type { AcceptOutcome, Acceptance, Claim, QuotaClaim, RequestStore, Superseded, TransitionOutcome } from '../store.ts';
import { assertAmendment, assertTransition } from '../transitions.ts';
import { auditLines, bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { requestTest } from './filters.ts';
import { KEYS, STATES, digestOctets, idOctets, quotaField, windowEnd } from './keys.ts';
import type { Reply } from './link/link.ts';
import { listRecords } from './listing.ts';
import { claimMark, useMark } from './marks.ts';
import { changeOperand } from './objects.ts';
import type { Packable } from './pack.ts';
import { PLACE_AT, bodyDigest, decodeStored, encodeStored, recordOf } from './stored-record.ts';

/** Requests: acceptance, state transitions, and listing. */
export function requestStore(engine: Engine): RequestStore {
  const { keys } = engine;
  return {
    async accept(acceptance) {
      return acceptOutcome(await engine.submit(...acceptOperation(acceptance)), acceptance);
    },

    async get(id) {
      const octets = idOctets(id);
      const value = octets === undefined ? undefined : await engine.get(keys.record(octets));
      return value === undefined ? undefined : recordOf(value);
    },

    async find({ claims, token }, now) {
      const names = claims.map(claimName);
      if (token !== undefined) names.unshift(useName(token));
      if (names.length === 0) return undefined;
      const [at, reply] = listOf(await engine.find(names, token === undefined ? '' : name(token.id), now));
      const value = bytesOf(reply);
      if (value === undefined) return undefined;
      const { record, marks } = decodeStored(value);
      const wanted = names[Number(at)];
      const mark = marks.find((one) => wanted?.equals(one.name));
      return mark === undefined ? undefined : { record, fingerprint: mark.fingerprint };
    },

    async transition(from, record, audit, objects = []): Promise<TransitionOutcome> {
      assertTransition(from, record.state);
      const id = recordId(record.id);
      const { value, end } = encodeStored(record, []);
      const certifies = record.state === 'approved' || record.state === 'issued';
      const reply = await engine.submit('transition', STATES[from], id, { bulk: value }, end, certifies ? digestOctets(record.keyHash) : '', objectOperand(objects), auditLines(audit));
      return transitionOutcome(reply, record, objects);
    },

    async amend(seen, record, audit) {
      assertAmendment(seen, record);
      const reply = await engine.submit('amend', STATES.pending, recordId(record.id), bodyDigest(seen), { bulk: encodeStored(record, []).value }, auditLines(audit));
      return transitionOutcome(reply, record, []);
    },

    list: (filter, page) => listRecords(engine, 'requests', requestTest(filter), page),

    async takeQuotas(quotas, now) {
      if (quotas.length === 0) return undefined;
      const quota = quotas[Number(await engine.submit('quotas', quotas.map((one) => quotaOperand(one, now)))) - 1];
      return quota && { quota, retryAfter: secondsLeft(quota, now) };
    },

    async quotaUsed(key, window, now) {
      const [count] = await engine.read(['HGET', keys.of(KEYS.quota, windowEnd(window, now)), quotaField(quotaName(key), window)]);
      return Number(bytesOf(count)?.toString() ?? 0);
    },
  };
}

/** @throws TypeError if the id is not a serial; RangeError for a request created as failed */
function acceptOperation({ record, claims, token, quota, guard, objects = [], audit, now }: Acceptance): readonly Packable[] {
  if (record.state === 'failed') throw new RangeError('a request cannot begin as failed');
  const id = recordId(record.id);
  const counts = record.state !== 'denied';
  const marks = claims.map(claimMark);
  if (token !== undefined) marks.unshift(useMark(token));
  const { state, end, value } = encodeStored(record, counts ? marks : []);
  return [
    'accept', id, { bulk: value, placeAt: PLACE_AT }, state, end, marks.map((mark) => mark.name), token === undefined ? '' : name(token.id), counts ? 1 : 0,
    digestOctets(record.keyHash), quota === undefined ? 0 : quotaOperand(quota, now), now,
    guard === undefined ? 0 : guardOperand(guard), objectOperand(objects), auditLines(audit),
  ];
}

/** The letter of a credential record's keys, followed by the rest of its key. */
function guardOperand({ kind, id }: CredentialRecord): readonly Packable[] {
  switch (kind) {
    case 'certificate': return ['r', idOctets(id) ?? ''];
    case 'token': return ['t', name(id)];
    case 'api-key': return ['k', name(id)];
  }
}

const quotaOperand = ({ key, limit, window }: QuotaClaim, now: number): readonly Packable[] => [String(windowEnd(window, now)), fieldOf(key, window), limit];

/** Seconds until the quota's window ends. */
const secondsLeft = ({ window }: QuotaClaim, now: number): number => Math.max(1, Math.ceil((windowEnd(window, now) - now) / 1000));

/** Requesters whose quota field is cached: most requests come from few. */
const MOST_FIELDS = 1000;
const fields = new Map<string, Buffer>();

function fieldOf(key: string, window: number): Buffer {
  const both = `${window} ${key}`;
  const known = fields.get(both);
  if (known !== undefined) return known;
  if (fields.size >= MOST_FIELDS) fields.clear();
  const field = quotaField(quotaName(key), window);
  fields.set(both, field);
  return field;
}

/** First of the reply codes that identify the object with an unexpected version. */
const ACCEPT_OBJECT = 8;
const TRANSITION_OBJECT = 4;

const objectOperand = (objects: readonly ObjectChange[]): Packable => (objects.length === 0 ? 0 : objects.map(changeOperand));

function superseded(objects: readonly ObjectChange[], number: number): Superseded {
  const lost = objects[number];
  if (lost === undefined) throw new StoreUnavailable('Redis gave an answer that none of the scripts gives');
  return { outcome: 'superseded', of: { kind: lost.kind, id: lost.id } };
}

function transitionOutcome(reply: Reply, record: RequestRecord, objects: readonly ObjectChange[]): TransitionOutcome {
  if (reply === 0) return { outcome: 'stored', record };
  if (reply === 1) return { outcome: 'unknown' };
  if (reply === 3) return { outcome: 'key-blocked' };
  if (typeof reply === 'number') return superseded(objects, reply - TRANSITION_OBJECT);
  return { outcome: 'moved-on', record: recordOf(told(listOf(reply)[1])) };
}

function acceptOutcome(reply: Reply, { claims, token, quota, objects = [], now }: Acceptance): AcceptOutcome {
  switch (reply) {
    case 0: return { outcome: 'stored' };
    case 3: return { outcome: 'token-exhausted' };
    case 4: return { outcome: 'quota-exceeded', retryAfter: quota === undefined ? 1 : secondsLeft(quota, now) };
    case 5: return { outcome: 'key-blocked' };
    case 6: return { outcome: 'serial-taken' };
    case 7: return { outcome: 'identity-gone' };
    default: {
      if (typeof reply === 'number') return superseded(objects, reply - ACCEPT_OBJECT);
      const [value, which] = listOf(reply);
      return askedBefore(told(value), token === undefined ? claims[Number(which)] : claims[Number(which) - 1]);
    }
  }
}

/** The outcome for a request found by a claim, or by a token use, which needs no comparison. */
function askedBefore(value: Buffer, claim: Claim | undefined): AcceptOutcome {
  const { record, marks } = decodeStored(value);
  if (claim === undefined) return { outcome: 'exists', record };
  const named = claimName(claim.key);
  const same = marks.some((mark) => mark.name.equals(named) && mark.fingerprint === claim.fingerprint);
  return same ? { outcome: 'exists', record } : { outcome: 'conflict', claim: claim.key };
}

/** The value of a request in a script's reply. */
export function told(reply: Reply | undefined): Buffer {
  const value = bytesOf(reply);
  if (value === undefined) throw new StoreUnavailable('Redis gave an answer that none of the scripts gives');
  return value;
}

/** @throws TypeError if the id is not a serial */
function recordId(id: string): Buffer {
  const octets = idOctets(id);
  if (octets === undefined) throw new TypeError('a request\'s id is its serial: lower-case hex of at most 20 octets');
  return octets;
}
