import t from 'tap';
import type { CrlDocument } from '../../src/store/crl-store.ts';
import { shardOf } from '../../src/x509/crl-shard.ts';
import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { apply, DAY, FOLDER, type ReadCrl, type Revocations, revocations } from '../helpers/revocations.ts';

const DELTA = { lifetime: DAY, renewBefore: DAY / 2, reach: 2 * DAY };
const sorted = (entries: ReadonlyMap<string, RevocationReason>): string[] => Array.from(entries, ([serial, reason]) => `${serial} ${reason}`).sort();

const reading = async (of: Revocations, document: CrlDocument): Promise<ReadCrl> => {
  const found = await of.read(document);
  if (found === undefined) throw new Error(`there is no ${document}`);
  return found;
};

async function union(of: Revocations, count: number): Promise<Map<string, RevocationReason>> {
  const all = new Map<string, RevocationReason>();
  for (let index = 0; index < count; index += 1) {
    const { entries, at } = await reading(of, `${count}-${index}`);
    if (at?.includes(`${FOLDER}${count}-${index}.crl`) !== true) throw new Error(`shard ${index} says it is at ${String(at)}`);
    for (const [serial, reason] of entries) {
      if (shardOf(serial, count) !== index) throw new Error(`${serial} is in shard ${index}`);
      all.set(serial, reason);
    }
  }
  return all;
}

t.test('full, base and delta, and the shards of every number say the same, through revocations, holds, releases, ends and restarts', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  const truth = new Map<string, { reason: RevocationReason; notAfter: number }>();
  const held: string[] = [];
  const fulls: { readonly time: number; readonly crl: ReadCrl }[] = [];
  const counts = new Set<number>();
  let { publisher } = of;
  for (let round = 0; round < 36; round += 1) {
    if (round === 5) counts.add(4);
    if (round === 20) counts.add(16);
    if (round === 30) counts.add(2);
    for (const count of counts) await of.keepShards(count);
    for (let n = 0; n < 6; n += 1) {
      const lives = n < 5 ? 100 * DAY : (round % 7) * 3000;
      const serial = await of.issue(lives);
      const reason = (['superseded', 'certificateHold', 'unspecified', 'certificateHold', 'keyCompromise', 'cessationOfOperation'] as const)[(round + n) % 6]!;
      await of.revoke(serial, reason);
      truth.set(serial, { reason, notAfter: of.now() + lives });
      if (reason === 'certificateHold' && lives > DAY) held.push(serial);
    }
    for (const serial of held.splice(0, round % 3)) {
      if (round % 2 === 0) {
        await of.release(serial);
        truth.delete(serial);
      } else {
        await of.revoke(serial, 'affiliationChanged');
        truth.set(serial, { reason: 'affiliationChanged', notAfter: Infinity });
      }
    }
    of.pass(round % 10 === 9 ? DAY : 3600);
    // A new process knows nothing but what is stored.
    if (round % 9 === 8) publisher = of.another();
    for (let times = 0; times < 5 && await publisher.isDue(); times += 1) {
      of.pass(1);
      await publisher.publish('test', round % 4 === 0);
    }
    const full = await reading(of, 'full');
    const alive = new Map([...truth].filter(([, { notAfter }]) => notAfter >= of.now()).map(([serial, { reason }]) => [serial, reason]));
    const bare = (entries: ReadonlyMap<string, RevocationReason>): string[] => sorted(new Map([...entries].filter(([serial]) => (truth.get(serial)?.notAfter ?? Infinity) >= of.now())));
    if (round % 4 === 0) {
      t.same(bare(full.entries), sorted(alive), `round ${round}: the full CRL has what is revoked`);
      fulls.push({ time: of.now(), crl: full });
    }
    for (const count of counts) t.same(bare(await union(of, count)), sorted(alive), `round ${round}: the union of ${count} shards has it`);
    const delta = await of.read('delta');
    if (delta === undefined) continue;
    t.equal(delta.entries.size < 400, true);
    for (const { time, crl } of fulls.filter((one) => of.now() - one.time <= DELTA.reach && one.crl.number < delta.number)) {
      t.same(bare(apply(crl, delta)), sorted(alive), `round ${round}: CRL ${crl.number} of ${of.now() - time} s ago and delta ${delta.number} have it`);
    }
  }
  t.ok(fulls.length > 5);
});

t.test('full and delta that are issued together share their number, the full CRL tells where the delta is, only the delta removes', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  const [held, gone] = [await of.issue(), await of.issue()];
  await of.revoke(held, 'certificateHold');
  await of.settle();
  const first = await reading(of, 'full');
  t.same([...first.entries], [[held, 'certificateHold']]);
  await of.release(held);
  await of.revoke(gone, 'superseded');
  await of.settle();
  const [full, delta] = [await reading(of, 'full'), await reading(of, 'delta')];
  t.equal(full.number, delta.number);
  t.equal(full.crl.thisUpdate, delta.crl.thisUpdate);
  t.same(full.freshest, [`${FOLDER}delta.crl`]);
  t.equal(delta.freshest, undefined);
  t.same([...full.entries], [[gone, 'superseded']]);
  t.same(sorted(delta.entries), sorted(new Map([[held, 'removeFromCRL'], [gone, 'superseded']])));
  t.ok(delta.base !== undefined && delta.base <= first.number && delta.base < delta.number);
});

t.test('a publication that waits for the next second does not hold the next full CRL back', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  await of.settle();
  await of.revoke(await of.issue(), 'superseded');
  // In the second of the last one: it waits for the next.
  await of.publisher.publish('test');
  await of.revoke(await of.issue(), 'superseded');
  of.pass(1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.ok((await of.publisher.publish('test')).documents.has('full'));
});

t.test('who has a full CRL no older than the reach can always apply the delta', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  const kept: { readonly time: number; readonly number: bigint }[] = [];
  for (let step = 0; step < 30; step += 1) {
    await of.revoke(await of.issue(100 * DAY), 'superseded');
    await of.settle();
    kept.push({ time: of.now(), number: (await reading(of, 'full')).number });
    of.pass(DAY / 3);
    await of.revoke(await of.issue(100 * DAY), 'superseded');
    await of.settle();
    const { base = 0n, number, entries } = await reading(of, 'delta');
    for (const one of kept.filter(({ time }) => of.now() - time <= DELTA.reach)) t.ok(one.number >= base && one.number < number, `${one.number} within ${base} and ${number}`);
    t.ok(entries.size < 40, 'and it does not grow for ever');
  }
});

t.test('an entry stays until it was on one CRL issued after its certificate ended, on each document, and then leaves the store', async (t) => {
  const of = await revocations(t);
  await of.keepShards(2, 100 * DAY);
  const serial = await of.issue(100);
  await of.revoke(serial, 'superseded');
  const documents = ['full', `2-${shardOf(serial, 2)}`] as const;
  await of.settle();
  of.pass(50);
  for (const document of documents) t.ok((await reading(of, document)).entries.has(serial));
  of.pass(3 * DAY);
  await of.settle();
  for (const document of documents) t.ok((await reading(of, document)).entries.has(serial), 'on the first one after the end');
  t.ok((await reading(of, 'full')).crl.thisUpdate > of.now() - 100);
  of.pass(3 * DAY);
  await of.settle();
  for (const document of documents) t.notOk((await reading(of, document)).entries.has(serial), 'and on no later one');
  t.equal(await of.store.crls.change('issuing', serial), undefined);
  // What is revoked after its end still is on one CRL.
  const late = await of.issue(-100);
  await of.revoke(late, 'keyCompromise');
  await of.settle();
  t.ok((await reading(of, 'full')).entries.has(late));
});

t.test('another number of shards takes nothing away; the old ones are published until their last certificate has ended', async (t) => {
  const of = await revocations(t);
  const revoked = new Set<string>();
  const some = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) {
      const serial = await of.issue(200 * DAY);
      await of.revoke(serial, 'superseded');
      revoked.add(serial);
    }
  };
  await of.keepShards(8, 4 * DAY);
  await some();
  await of.settle();
  await of.keepShards(64, 200 * DAY);
  await some();
  await of.settle();
  for (const count of [8, 64]) t.same([...(await union(of, count)).keys()].sort(), [...revoked].sort(), `${count} shards`);
  of.pass(5 * DAY);
  await some();
  await of.settle();
  t.same([...(await union(of, 64)).keys()].sort(), [...revoked].sort());
  t.equal(await of.read('8-0'), undefined);
  t.same((await of.store.crls.shardGenerations('issuing')).map(({ count }) => count), [64]);
  const numbers = (await reading(of, '64-3')).number;
  await of.keepShards(8, 100 * DAY);
  await of.settle();
  t.same([...(await union(of, 8)).keys()].sort(), [...revoked].sort(), 'and once more');
  t.ok((await reading(of, '8-0')).number > 1n, 'its numbers go on where they were');
  t.equal((await reading(of, '64-3')).number, numbers, 'what has nothing new is not published anew');
});

t.test('a shard says every address under which certificates name it', async (t) => {
  const of = await revocations(t);
  await of.store.crls.keepShards('issuing', { count: 2, until: of.now() + DAY, addresses: ['http://old.example.com/crl/issuing/'] });
  await of.settle();
  t.same((await reading(of, '2-1')).at, ['http://old.example.com/crl/issuing/2-1.crl', `${FOLDER}2-1.crl`]);
});

t.test('one more revocation publishes its shard and the delta; a full CRL that took long may wait, and follows', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  await of.keepShards(8);
  await of.settle();
  const serial = await of.issue();
  of.pass(1);
  await of.publisher.publish('test', true);
  const before = new Map(await of.store.crls.heads('issuing'));
  await of.revoke(serial, 'superseded');
  of.pass(1);
  const { documents, oldest } = await of.publisher.publish('test');
  t.ok(documents.has(`8-${shardOf(serial, 8)}`));
  t.ok(documents.has('delta'));
  t.equal(oldest, of.now() - 1);
  of.pass(1);
  t.equal((await of.another().publish('test', true)).oldest, undefined, 'who reads everything anew has nothing new');
  for (const [document, { number }] of before) if (document.startsWith('8-') && document !== `8-${shardOf(serial, 8)}`) t.equal((await of.store.crls.head('issuing', document))?.number, number);
  for (let wait = 0; wait < 200 && !(await reading(of, 'full')).entries.has(serial); wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    await of.settle();
  }
  t.ok((await reading(of, 'full')).entries.has(serial));
});

t.test('publishers of two processes never give a number twice, and each takes in what the other one did', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  const other = of.another();
  const revoked: string[] = [];
  for (let round = 0; round < 15; round += 1) {
    const serial = await of.issue(100 * DAY);
    await of.revoke(serial, 'superseded');
    revoked.push(serial);
    of.pass(1);
    await Promise.all([of.publisher.publish('one', true), other.publish('two', true)].map((one) => one.catch((error: unknown) => t.match(String(error), /superseded/))));
  }
  const full = await reading(of, 'full');
  t.same([...full.entries.keys()].sort(), revoked.sort());
  const published = (await of.store.audit.list({ after: 0, limit: 1000 })).filter(({ event, details }) => event === 'crl.published' && details?.['document'] === 'full').map(({ details }) => Number(details?.['number']));
  t.same(published, [...new Set(published)].sort((a, b) => a - b));
});

t.test('deltas that are turned off are gone, and the full CRL no longer says where they are', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  await of.settle();
  t.ok((await reading(of, 'full')).freshest);
  const without = of.another({ delta: undefined });
  t.ok(await without.isDue());
  of.pass(1);
  await without.publish('test');
  t.equal(await of.read('delta'), undefined);
  t.equal((await reading(of, 'full')).freshest, undefined);
  t.notOk(await without.isDue());
});

t.test('a release leaves the feed when its base has passed, an hour later at the earliest', async (t) => {
  const of = await revocations(t, { delta: DELTA });
  const serial = await of.issue(100 * DAY);
  await of.revoke(serial, 'certificateHold');
  await of.settle();
  await of.release(serial);
  await of.settle();
  t.equal((await of.store.crls.change('issuing', serial))?.reason, 'removeFromCRL');
  for (let day = 0; day < 12; day += 1) {
    of.pass(DAY);
    await of.settle();
    const { base = 0n } = await reading(of, 'delta');
    t.ok((await reading(of, 'delta')).entries.has(serial) || base > 2n);
  }
  t.equal(await of.store.crls.change('issuing', serial), undefined);
});

t.test('an entry that is not what the store says of it stops the publication', async (t) => {
  const of = await revocations(t);
  await of.settle();
  const [serial, other] = [await of.issue(), await of.issue()];
  const { encodeRevokedEntry } = await import('../../src/x509/crl.ts');
  await of.store.certificates.revoke(serial, { at: of.now(), reason: 'superseded' }, (at) => encodeRevokedEntry({ serial: other, at, reason: 'superseded' }), { blockKey: false }, []);
  of.pass(1);
  await t.rejects(of.publisher.publish('test'), { name: 'X509Error' });
});
