import type { CredentialRecord } from '../../../src/identity/identity.ts';
import type { Store } from '../../../src/store/store.ts';
import { otherProcess } from '../../chaos/other-process.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, HOUR, NOW, TODAY, acceptance, apiKey, claim, denied, digestOf, entryFor, events, pending, put, record, token } from './samples.ts';

interface Case {
  /** Stores one that is over at `NOW + HOUR`. */
  readonly make: (store: Store) => Promise<string>;
  /** What to call for its revocation, in this process or another one. */
  readonly revocation: (id: string) => readonly [what: string, ...args: readonly unknown[]];
  readonly revoke: (store: Store, id: string) => Promise<unknown>;
}

const REVOCATION = { at: TODAY, reason: 'superseded' } as const;

const CASES: Readonly<Record<CredentialRecord['kind'], Case>> = {
  token: {
    make: async (store) => {
      const made = token({ expiresAt: NOW + HOUR });
      await store.tokens.create(made, undefined, [], NOW);
      return made.id;
    },
    revocation: (id) => ['tokens.revoke', id, NOW, []],
    revoke: (store, id) => store.tokens.revoke(id, NOW, []),
  },
  'api-key': {
    make: async (store) => {
      const made = apiKey({ expiresAt: NOW + HOUR });
      await store.apiKeys.create(made, undefined, [], NOW);
      return made.id;
    },
    revocation: (id) => ['apiKeys.revoke', id, NOW, []],
    revoke: (store, id) => store.apiKeys.revoke(id, NOW, []),
  },
  certificate: {
    // The last second of notAfter still counts.
    make: async (store) => (await put(store, record({ notAfter: TODAY + HOUR / 1000 - 1 }))).id,
    revocation: (id) => ['revoke', id, REVOCATION],
    revoke: (store, id) => store.certificates.revoke(id, REVOCATION, entryFor(id), { blockKey: false }, []),
  },
};
const KINDS = Object.keys(CASES) as CredentialRecord['kind'][];
const GONE = { outcome: 'identity-gone' };

/** An acceptance that is held to a credential's record. */
export const guardsContract: Part = (t, open) => {
  for (const kind of KINDS) {
    const { make, revoke, revocation } = CASES[kind];

    t.test(`an acceptance held to a ${kind} is stored while that is there, not revoked and not over`, async (t) => {
      const { store } = await open(t);
      const id = await make(store);
      const before = (await events(store)).length;
      const attempt = (now: number, of = record()) => store.requests.accept(acceptance(of, { guard: { kind, id }, now, claims: [claim(of.id)] }));
      t.same(await attempt(NOW), { outcome: 'stored' });
      t.same(await attempt(NOW + HOUR - 1), { outcome: 'stored' });
      t.same(await attempt(NOW + HOUR), GONE, 'over');
      await revoke(store, id);
      const revoked = record();
      t.same(await attempt(NOW, revoked), GONE, 'revoked');
      t.same(await attempt(NOW, denied()), GONE, 'not even a refusal is stored');
      t.equal(await store.requests.get(revoked.id), undefined);
      t.equal(await store.requests.find({ claims: [revoked.id] }, NOW), undefined, 'nor its claim');
      t.equal((await events(store)).filter((event) => event.startsWith('certificate.issued')).length, before + 2, 'nor its line');
      t.same(await store.requests.accept(acceptance(revoked)), { outcome: 'stored' }, 'without the guard nobody asks');
    });

    t.test(`a ${kind} that is not there guards nothing`, async (t) => {
      const { store } = await open(t);
      for (const id of [record().id, ...HOSTILE_NAMES]) t.same(await store.requests.accept(acceptance(record(), { guard: { kind, id } })), GONE, id);
      // The same id of another kind.
      const id = await make(store);
      for (const other of KINDS) if (other !== kind) t.same(await store.requests.accept(acceptance(record(), { guard: { kind: other, id } })), GONE, other);
    });

    t.test(`a ${kind} that another process revoked between look and write`, async (t) => {
      const { store, url } = await open(t);
      const other = await otherProcess(url);
      t.teardown(() => other.end());
      const id = await make(store);
      const guarded = () => acceptance(record(), { guard: { kind, id } });
      t.same(await store.requests.accept(guarded()), { outcome: 'stored' });
      t.same(await other.accept(guarded()), { outcome: 'stored' });
      const [what, ...args] = revocation(id);
      await (what === 'revoke' ? other.revoke(id, REVOCATION) : other.call(what, ...args));
      t.same(await store.requests.accept(guarded()), GONE);
      t.same(await other.accept(guarded()), GONE);
    });

    t.test(`among writes of one turn the ${kind} holds up to its revocation and no further`, async (t) => {
      const { store } = await open(t);
      const id = await make(store);
      const guarded = () => store.requests.accept(acceptance(record(), { guard: { kind, id } })).then(({ outcome }) => outcome);
      const ends = [guarded(), guarded(), revoke(store, id).then(() => 'revoked'), guarded(), guarded()];
      const outcomes = await Promise.all(ends);
      t.equal(outcomes[2], 'revoked');
      // A revocation may look before it writes, and then comes after all of these.
      t.same(outcomes.slice(0, 2), ['stored', 'stored']);
      t.ok(kind === 'certificate' || outcomes.slice(3).every((outcome) => outcome === 'identity-gone'), outcomes.join());
      t.equal(await guarded(), 'identity-gone');
    });
  }

  t.test('the guard comes before the same question asked again', async (t) => {
    const { store } = await open(t);
    const made = token();
    await store.tokens.create(made, undefined, [], NOW);
    const use = { token: { id: made.id, csrDigest: digestOf('csr') }, guard: { kind: 'token', id: made.id } } as const;
    t.equal((await store.requests.accept(acceptance(record(), use))).outcome, 'stored');
    t.equal((await store.requests.accept(acceptance(record(), use))).outcome, 'exists', 'a used token still finds its first request');
    await store.tokens.revoke(made.id, NOW, []);
    t.same(await store.requests.accept(acceptance(record(), use)), GONE);
  });

  t.test('an API key without an end is never over', async (t) => {
    const { store } = await open(t);
    const { id } = apiKey();
    await store.apiKeys.create(apiKey({ id }), undefined, [], NOW);
    t.same(await store.requests.accept(acceptance(record(), { guard: { kind: 'api-key', id }, now: NOW + 1e6 * HOUR })), { outcome: 'stored' });
  });

  t.test('a certificate on hold guards nothing until it is released; a request without one never does', async (t) => {
    const { store } = await open(t);
    const { id } = await put(store);
    const guarded = (of: string) => store.requests.accept(acceptance(record(), { guard: { kind: 'certificate', id: of } }));
    await store.certificates.revoke(id, { at: TODAY, reason: 'certificateHold' }, entryFor(id), { blockKey: false }, []);
    t.same(await guarded(id), GONE);
    await store.certificates.release(id, TODAY, entryFor(id), []);
    t.same(await guarded(id), { outcome: 'stored' });
    t.same(await guarded((await put(store, pending())).id), GONE);
    t.same(await guarded((await put(store, denied())).id), GONE);
  });
};
