import { writeSync } from 'node:fs';
import type { RequestRecord } from '../../src/issuance/request.ts';
import type { Store } from '../../src/store/store.ts';
import { NOW, TODAY, acceptance, approved, claim, crl, draft, entryFor, issued, pending, publish, record } from '../contracts/store/samples.ts';

/** What the writers share: a token and a quota that never run out, so that their counts can be compared with the records. */
export const SHARED_TOKEN = 'sharedtoken00000';
export const SHARED_QUOTA = { key: 'shared quota', limit: 1_000_000, window: 86_400 };

/** What was acknowledged: one line of JSON each, in a file, so that a killed process has told all that it knew. */
export interface Acknowledged {
  readonly id: string;
  readonly state: RequestRecord['state'] | 'revoked';
}

const tell = (id: string, state: Acknowledged['state']): void => void writeSync(1, `${JSON.stringify({ id, state } satisfies Acknowledged)}\n`);

let counter = 0;

/** A record that says by its metadata what was counted for it. */
export function counted(make: (over: Partial<RequestRecord>) => RequestRecord): Parameters<Store['requests']['accept']>[0] {
  counter += 1;
  const of = make({ metadata: { counts: 'yes' } });
  return acceptance(of, {
    claims: [claim(`claim ${of.id}`)],
    token: { id: SHARED_TOKEN, csrDigest: of.id },
    quota: SHARED_QUOTA,
    audit: [draft(of.state === 'issued' ? 'certificate.issued' : 'request.accepted', of.id)],
  });
}

/** Each kind of write, with what it must leave in the log. Resolves when it is acknowledged. */
export const WORK: readonly ((store: Store) => Promise<void>)[] = [
  async (store) => {
    const one = counted(record);
    await store.requests.accept(one);
    tell(one.record.id, 'issued');
  },
  async (store) => {
    const one = counted(record);
    await store.requests.accept(one);
    tell(one.record.id, 'issued');
    const { id } = one.record;
    await store.certificates.revoke(id, { at: TODAY, reason: 'superseded' }, entryFor(id), { blockKey: counter % 2 === 0 }, [draft('certificate.revoked', id)]);
    tell(id, 'revoked');
  },
  async (store) => {
    const one = counted(pending);
    const { id } = one.record;
    await store.requests.accept(one);
    tell(id, 'pending');
    const second = approved(one.record);
    await store.requests.transition('pending', second, [draft('request.approved', id)]);
    tell(id, 'approved');
    await store.requests.transition('approved', issued(second), [draft('certificate.issued', id)]);
    tell(id, 'issued');
  },
  async (store) => {
    const { revision } = await store.crls.standing('issuing');
    const number = Number(await store.crls.lastNumber('issuing', 'full')) + 1;
    await publish(store, crl(number, { revision, thisUpdate: TODAY, der: new Uint8Array(number % 2 === 0 ? 100_000 : 1_100_000) }), [draft('crl.published', 'issuing')]);
  },
  async (store) => {
    await store.leases.acquire('work', String(process.pid), NOW, 1000);
    await store.sweep(NOW, { retainEnded: 1000, most: 100 });
  },
];
