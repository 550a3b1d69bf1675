import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Refused } from '../../../src/errors.ts';
import { admit, type AttestationContext, type Question } from '../../../src/identity/attestation/admit.ts';
import { attributesOf, unproved } from '../../../src/identity/attestation/attestor.ts';
import { challenges } from '../../../src/identity/attestation/challenge.ts';
import { listClaims } from '../../../src/identity/attestation/claims.ts';
import { release } from '../../../src/identity/attestation/release.ts';
import { parseEnrolmentToken } from '../../../src/identity/enrolment-token.ts';
import { compileRule } from '../../../src/identity/rules/rule.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import type { Store } from '../../../src/store/store.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { noRedis, startRedis } from '../../helpers/redis.ts';
import { acceptance, record } from '../../contracts/store/samples.ts';
import { storeOn } from '../../store/redis-stores.ts';

const OPERATOR = { kind: 'api-key', name: 'ops', proof: '', grant: { profiles: [], names: [] }, scopes: ['token'] } as const;
const HOUR = 3_600_000;
const KEYS = ['a', 'b'].map((letter) => letter.repeat(64));

interface Bench {
  readonly context: AttestationContext;
  readonly store: Store;
  readonly clock: { now: number };
  readonly counts: string[];
  /** A proof of this node, for a key. */
  readonly ask: (node: string, key?: string, more?: Partial<Question>) => Promise<{ readonly token: string; readonly id: string; readonly names: readonly string[] }>;
}

/** Nodes that are what they say, so that only what follows the proof is tried here. */
function bench(store: Store, once: boolean): Bench {
  const clock = { now: Date.now() };
  const counts: string[] = [];
  const master = randomBytes(32);
  const given = challenges({ master, random: randomBytes, clock: () => clock.now, lifetime: 60_000 });
  const context: AttestationContext = {
    ways: new Map([['aws', {
      once, rules: [compileRule({ when: { id: ['i-*'] }, profile: 'node', names: ['{{id}}.example.com'], maxValidity: 3600 })],
      attestor: {
        kind: 'aws', demands: () => ({}), attest: ({ proof: { document } }) => {
          if (document === 'forged') throw unproved('aws', 'it is forged');
          return { name: `1/${document}`, attributes: attributesOf({ id: document }), proof: `instance ${document}` };
        },
      },
    }]]),
    challenges: given, objects: store.objects, tokens: store.tokens, rootDigest: 'ab'.repeat(32), random: randomBytes, master, clock: () => clock.now, tokenLifetime: HOUR, claimLifetime: 24 * HOUR,
    counted: (_kind, outcome) => counts.push(outcome),
  };
  return {
    context, store, clock, counts,
    ask: async (node, key = KEYS[0] ?? '', more = {}) => {
      const { token, record } = await admit(context, { kind: 'aws', challenge: given.issue(key).text, proof: { document: node }, presented: [], ...more });
      return { token, id: record.id, names: record.names };
    },
  };
}

const refused = async (t: Test, work: Promise<unknown>, code: string, why: RegExp): Promise<void> => {
  const error = await work.then(() => undefined, (reason: unknown) => reason);
  t.match(error, { code, message: why });
  t.ok(error instanceof Refused);
};

function exchanges(name: string, open: (t: Test) => Promise<{ readonly store: Store }>): void {
  t.test(`${name}: a proof earns a token for one key`, async (t) => {
    const { ask, store, counts } = bench((await open(t)).store, false);
    const made = await ask('i-1');
    const parsed = parseEnrolmentToken(made.token);
    t.match(parsed, { rootDigest: 'ab'.repeat(32), id: made.id });
    t.match(await store.tokens.get(made.id), {
      profile: 'node', names: ['i-1.example.com'], uses: 1, used: 0, maxValidity: 3600, createdBy: 'attestation:aws/1/i-1',
      attested: { name: 'aws/1/i-1', keyHash: KEYS[0] },
    });
    t.not((await ask('i-1')).id, made.id, 'each proof another, where nodes may prove themselves again');
    t.same(counts, ['accepted', 'accepted']);
    const [entry] = (await store.audit.list({ after: 0, limit: 10 }));
    t.match(entry, { event: 'attestation.accepted', actor: 'attestation:aws/1/i-1', subject: 'aws/1/i-1', details: { proof: 'instance i-1', rule: 1, profile: 'node', token: made.id } });
    t.notMatch(JSON.stringify(entry), new RegExp(parsed?.secret ?? '?'), 'no secret in the log');
  });

  t.test(`${name}: a challenge is good once, for a time, and here`, async (t) => {
    const { ask, context, clock } = bench((await open(t)).store, false);
    const challenge = context.challenges.issue(KEYS[0] ?? '').text;
    const rounds = await Promise.allSettled(Array.from({ length: 8 }, () => ask('i-1', '', { challenge })));
    t.equal(rounds.filter(({ status }) => status === 'fulfilled').length, 1, 'one of those that come at once');
    await refused(t, ask('i-1', '', { challenge }), 'unauthenticated', /used before/);
    const late = context.challenges.issue(KEYS[0] ?? '').text;
    clock.now += 60_001;
    await refused(t, ask('i-1', '', { challenge: late }), 'unauthenticated', /has expired/);
    const bytes = Buffer.from(challenge, 'base64url');
    bytes[30]! ^= 1;
    const strange = challenges({ master: randomBytes(32), random: randomBytes, clock: () => clock.now, lifetime: 60_000 }).issue(KEYS[0] ?? '').text;
    for (const wrong of ['', 'x', challenge.slice(1), `${challenge}A`, bytes.toString('base64url'), strange, `${late.slice(0, -1)}${late.endsWith('A') ? 'B' : 'A'}`]) {
      await refused(t, ask('i-1', '', { challenge: wrong }), 'unauthenticated', /not issued by this service|has expired/);
    }
  });

  t.test(`${name}: what is proved and not allowed is told, recorded, and uses the challenge up`, async (t) => {
    const { ask, context, store, counts } = bench((await open(t)).store, true);
    const challenge = context.challenges.issue(KEYS[0] ?? '').text;
    await refused(t, ask('x-1', '', { challenge }), 'forbidden', /no rule allows/);
    await refused(t, ask('i-1', '', { challenge }), 'unauthenticated', /used before/);
    await refused(t, ask('forged'), 'unauthenticated', /forged/);
    await refused(t, ask('i-1', '', { kind: 'ssh' }), 'unauthenticated', /expected aws/);
    t.same(counts, ['refused', 'unproved']);
    t.match(await store.audit.list({ after: 0, limit: 10 }), [{ event: 'attestation.refused', subject: 'aws/1/x-1' }]);
  });

  t.test(`${name}: a node that may prove itself once is claimed by one key, until it is released`, async (t) => {
    const { ask, context, store, clock } = bench((await open(t)).store, true);
    const early = await ask('i-1', 'c'.repeat(64));
    const first = await ask('i-1');
    t.not(first.token, early.token, 'who has asked for nothing yet may begin anew with another key');
    t.match((await store.tokens.get(early.id))?.revokedAt ?? 'gone', /^\d+$|^gone$/, 'which ends the first token');
    t.equal((await ask('i-1')).token, first.token, 'a lost answer costs nothing');
    t.equal((await store.requests.accept(acceptance(record(), { token: { id: first.id, csrDigest: 'x' }, now: clock.now }))).outcome, 'stored');
    t.equal((await ask('i-1')).token, first.token, 'also when the token was used');
    await refused(t, ask('i-1', KEYS[1]), 'forbidden', /claimed at .* by another key; an operator may release/);
    t.not((await ask('i-2', KEYS[1])).token, first.token);
    const claims = await listClaims(store.objects, { limit: 10 });
    t.same(claims.items.map(({ claim }) => claim.name).sort(), ['1/i-1', '1/i-2']);
    const id = claims.items.find(({ claim }) => claim.name === '1/i-1')?.claim.id ?? '';
    await store.tokens.revoke(first.id, clock.now, []);
    await store.sweep(clock.now + 1000, { retainEnded: 0, most: 100 });
    await refused(t, ask('i-1'), 'forbidden', /was revoked/);
    t.match(await release(context, id, OPERATOR), { name: '1/i-1' });
    await refused(t, release(context, id, OPERATOR), 'not-found', /no attested node/);
    const again = await ask('i-1', KEYS[1]);
    t.match(await store.tokens.get(again.id), { attested: { keyHash: KEYS[1] } });
    t.match((await listClaims(store.objects, { limit: 10 })).items.find(({ claim }) => claim.name === '1/i-1'), { claim: { tokenMade: true, keyHash: KEYS[1] } });
    clock.now += HOUR;
    await refused(t, ask('i-1', KEYS[1]), 'forbidden', /the token that it earned has expired/);
    clock.now += 24 * HOUR;
    t.ok((await ask('i-1')).token, 'a claim ends');
    const events = (await store.audit.list({ after: 0, limit: 50 })).map(({ event }) => event);
    t.equal(events.filter((event) => event === 'attestation.released').length, 1);
    t.equal(events.filter((event) => event === 'attestation.accepted').length, 5);
  });

  t.test(`${name}: of several keys that claim a node at once, one has it`, async (t) => {
    const { ask, store } = bench((await open(t)).store, true);
    const rounds = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => ask('i-1', String(index).repeat(64))));
    const living = (await store.tokens.list({ limit: 20 })).items.filter(({ revokedAt }) => revokedAt === undefined);
    t.equal(living.length, 1, 'one token is good');
    t.ok(rounds.some((round) => round.status === 'fulfilled' && round.value.id === living[0]?.id));
    for (const round of rounds) if (round.status === 'rejected') t.match(round.reason, { code: /forbidden|unavailable/ });
    const same = await Promise.allSettled(Array.from({ length: 4 }, () => ask('i-2')));
    t.same(new Set(same.map((round) => (round.status === 'fulfilled' ? round.value.token : round.reason))).size, 1, 'the same key has the same token');
    t.equal((await store.tokens.list({ limit: 20 })).items.filter(({ names }) => names[0] === 'i-2.example.com').length, 1);
  });
}

exchanges('embedded', async (t) => {
  const store = await openEmbeddedStore({ path: join(temporaryFolder(), 'store') });
  t.teardown(() => store.close());
  return { store };
});

if (noRedis === false) {
  const server = await startRedis(t);
  exchanges('redis', (t) => storeOn(t, server.port));
} else t.test(noRedis, { skip: noRedis }, async () => undefined);
