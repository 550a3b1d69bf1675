import { verifyChain } from '../../src/audit/verify.ts';
import type { AuditEvent } from '../../src/audit/entry.ts';
import type { RequestRecord } from '../../src/issuance/request.ts';
import type { Page, PageQuery, Store } from '../../src/store/store.ts';
import { NOW, TODAY, feed, plain } from '../contracts/store/samples.ts';
import type { Acknowledged } from './workload.ts';
import { SHARED_QUOTA, SHARED_TOKEN } from './workload.ts';

/** How far a record must have come at least, where that much was acknowledged. */
const PROGRESS = ['pending', 'approved', 'issued', 'revoked'];

/** The events that a record has behind it; a request that waited begins otherwise than one that was issued at once. */
const HISTORY: Readonly<Record<string, readonly AuditEvent[]>> = {
  pending: ['request.accepted'],
  approved: ['request.accepted', 'request.approved'],
  issued: ['request.accepted', 'request.approved', 'certificate.issued'],
};

/** All that must hold in a store that only writers of `workload.ts` wrote to, whenever they were killed. Empty when it does. */
export async function faultsOf(store: Store, acknowledged: readonly Acknowledged[]): Promise<string[]> {
  const faults: string[] = [];
  const expect = (what: string, got: unknown, wanted: unknown): void => {
    if (JSON.stringify(got) !== JSON.stringify(wanted)) faults.push(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  };
  const records = await all((page) => store.requests.list({}, page));
  const certificates = await all((page) => store.certificates.list({}, page, TODAY));
  const byId = new Map(records.map((one) => [one.id, one]));
  expect('records that are listed twice', records.length - byId.size, 0);

  // Nothing acknowledged is lost.
  for (const { id, state } of acknowledged) {
    const one = byId.get(id);
    if (one === undefined) faults.push(`${id} was acknowledged as ${state} and is not there`);
    else if (PROGRESS.indexOf(stateOf(one)) < PROGRESS.indexOf(state)) faults.push(`${id} was acknowledged as ${state} and is ${stateOf(one)}`);
  }

  // Each write is in the log once, and nothing else is.
  const lines = await store.audit.list({ after: 0, limit: 1_000_000 });
  for (const { kind, detail } of await verifyChain(lines, await store.audit.head())) faults.push(`audit: ${kind}: ${detail}`);
  const events = new Map<string, string[]>();
  for (const { subject, event } of lines) events.set(subject, [...events.get(subject) ?? [], event]);
  const published = events.get('issuing') ?? [];
  events.delete('issuing');
  for (const one of records) {
    const history = one.state === 'issued' && events.get(one.id)?.[0] === 'certificate.issued' ? ['certificate.issued'] : HISTORY[one.state] ?? [];
    expect(`log of ${one.id}`, events.get(one.id), [...history, ...(one.revocation === undefined ? [] : ['certificate.revoked'])]);
    events.delete(one.id);
  }
  expect('lines of what is not there', [...events], []);

  // Every index says what the records say.
  for (const one of records) {
    expect(`record of ${one.id}`, plain(await store.requests.get(one.id)), plain(one));
    expect(`claim of ${one.id}`, (await store.requests.find({ claims: [`claim ${one.id}`] }, NOW))?.record.id, one.id);
    expect(`use for ${one.id}`, (await store.requests.find({ claims: [], token: { id: SHARED_TOKEN, csrDigest: one.id } }, NOW))?.record.id, one.id);
  }
  for (const state of ['pending', 'approved', 'issued', 'denied', 'failed'] as const) {
    expect(`requests that are ${state}`, ids(await all((page) => store.requests.list({ state }, page))), ids(records.filter((one) => one.state === state)));
  }
  expect('certificates', ids(certificates), ids(records.filter((one) => one.state === 'issued')));
  expect('uses of the token', (await store.tokens.get(SHARED_TOKEN))?.used, records.length);
  expect('count of the quota', await store.requests.quotaUsed(SHARED_QUOTA.key, SHARED_QUOTA.window, NOW), records.length);

  // Revocations, entries and CRLs agree.
  const revoked = ids(records.filter(({ revocation }) => revocation !== undefined)).sort();
  const entries = await feed(store);
  const { revision } = await store.crls.standing('issuing');
  expect('entries', entries.map(({ serial }) => serial).sort(), revoked);
  expect('revoked certificates', ids(await all((page) => store.certificates.list({ status: 'revoked' }, page, TODAY))).sort(), revoked);
  expect('revision', revision, revoked.length);
  const current = await store.crls.current('issuing', 'full');
  expect('CRL number', Number(current?.number ?? 0n), published.length);
  if (current !== undefined) expect('length of the CRL', current.der.length, current.number % 2n === 0n ? 100_000 : 1_100_000);
  return faults;
}

const stateOf = (one: RequestRecord): string => (one.revocation === undefined ? one.state : 'revoked');

const ids = (records: readonly { readonly id: string }[]): string[] => records.map(({ id }) => id);

async function all<T>(list: (page: PageQuery) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let page = await list({ limit: 1000 }); ; page = await list({ limit: 1000, cursor: page.next })) {
    items.push(...page.items);
    if (page.next === undefined) return items;
  }
}
