import type { AuditDraft } from '../../../src/audit/entry.ts';
import type { Claim, Store } from '../../../src/store/store.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, NOW, TODAY, apiKey, claim, draft, events, token } from './samples.ts';

interface Record {
  readonly id: string;
}

/** Tokens and API keys have the same rules: each test is run for both. */
const KINDS = {
  tokens: {
    sample: (id?: string): Record => token({ ...(id === undefined ? {} : { id }), profiles: ['node', 'client'], maxValidity: 60, note: 'for the web', attested: { name: 'aws/1/i-1', proof: 'an instance', keyHash: 'ab'.repeat(32) } }),
    create: async (store: Store, of: Record, over: Claim | undefined, audit: readonly AuditDraft[], now = NOW) => {
      const created = await store.tokens.create(of as never, over, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', record: created.token } : created;
    },
  },
  apiKeys: {
    sample: (id?: string): Record => apiKey({ ...(id === undefined ? {} : { id }), scopes: ['read', 'approve'], expiresAt: NOW + 1 }),
    create: async (store: Store, of: Record, over: Claim | undefined, audit: readonly AuditDraft[], now = NOW) => {
      const created = await store.apiKeys.create(of as never, over, audit, now);
      return created.outcome === 'exists' ? { outcome: 'exists', record: created.key } : created;
    },
  },
} as const;

/** Enrolment tokens and API keys. */
export const credentialsContract: Part = (t, open) => {
  for (const [kind, { sample, create }] of Object.entries(KINDS) as [keyof typeof KINDS, (typeof KINDS)['tokens']][]) {
    t.test(`${kind}: what is created is read back`, async (t) => {
      const { store } = await open(t);
      const of = sample();
      t.same(await create(store, of, undefined, [draft('token.created', of.id)]), { outcome: 'stored' });
      t.strictSame(await store[kind].get(of.id), of);
      t.equal(await store[kind].get(`${of.id}x`), undefined);
      t.same(await events(store), [`token.created ${of.id}`]);
    });

    t.test(`${kind}: the same claim finds the first, with another fingerprint it conflicts, and it ends`, async (t) => {
      const { store } = await open(t);
      const [first, second, third] = [sample(), sample(), sample()];
      const key = claim('k', { expires: TODAY + 10 });
      t.same(await create(store, first, key, []), { outcome: 'stored' });
      t.strictSame(await create(store, second, key, [draft('token.created', second.id)]), { outcome: 'exists', record: first });
      t.same(await create(store, second, { ...key, fingerprint: 'other' }, []), { outcome: 'conflict' });
      t.equal(await store[kind].get(second.id), undefined);
      t.same(await create(store, third, { ...key, fingerprint: 'other', expires: TODAY + 20 }, [], NOW + 10_000), { outcome: 'stored' });
      t.same(await events(store), []);
    });

    t.test(`${kind}: the first revocation's time stays, and is in the log once`, async (t) => {
      const { store } = await open(t);
      const of = sample();
      await create(store, of, undefined, []);
      t.strictSame(await store[kind].revoke(of.id, NOW + 5, [draft('token.revoked', of.id)]), { ...of, revokedAt: NOW + 5 });
      t.strictSame(await store[kind].revoke(of.id, NOW + 9, [draft('token.revoked', of.id)]), { ...of, revokedAt: NOW + 5 });
      t.strictSame(await store[kind].get(of.id), { ...of, revokedAt: NOW + 5 });
      t.equal(await store[kind].revoke('nobody', NOW, [draft('token.revoked', 'nobody')]), undefined);
      t.same(await events(store), [`token.revoked ${of.id}`]);
    });

    t.test(`${kind}: hostile ids are inert and apart`, async (t) => {
      const { store } = await open(t);
      for (const id of HOSTILE_NAMES) {
        t.equal(await store[kind].get(id), undefined, JSON.stringify(id).slice(0, 40));
        t.equal(await store[kind].revoke(id, NOW, []), undefined);
        t.same(await create(store, sample(id), claim(id), []), { outcome: 'stored' });
      }
      for (const id of HOSTILE_NAMES) t.equal((await store[kind].get(id))?.id, id);
      t.equal((await store[kind].list({ limit: 100 })).items.length, HOSTILE_NAMES.length);
    });

    t.test(`${kind}: an id that is taken is an error, and the first stays`, async (t) => {
      const { store } = await open(t);
      const of = sample('taken');
      await create(store, of, undefined, []);
      await t.rejects(create(store, sample('taken'), claim('c'), [draft('token.created', 'taken')]));
      t.strictSame(await store[kind].get('taken'), of);
      t.same(await events(store), []);
    });
  }
};
