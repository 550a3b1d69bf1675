import type { Part } from './harness.ts';
import { HOSTILE_NAMES, NOW } from './samples.ts';

/** Leases. Times are milliseconds, and only those that are passed in count. */
export const leasesContract: Part = (t, open) => {
  t.test('a free lease is taken, prolonged by its holder, and kept from others until it ends', async (t) => {
    const { store: { leases } } = await open(t);
    t.strictSame(await leases.acquire('publish', 'a', NOW, 1000), { name: 'publish', fence: 1 });
    t.equal(await leases.acquire('publish', 'b', NOW + 999, 1000), undefined);
    t.strictSame(await leases.acquire('publish', 'a', NOW + 999, 1000), { name: 'publish', fence: 1 }, 'the same holder has the same fence');
    t.equal(await leases.acquire('publish', 'b', NOW + 1998, 1000), undefined, 'it was prolonged');
    t.strictSame(await leases.acquire('publish', 'b', NOW + 1999, 1000), { name: 'publish', fence: 2 });
    t.equal(await leases.acquire('publish', 'a', NOW + 2000, 1000), undefined);
  });

  t.test('a released lease is free, and the fence still rises', async (t) => {
    const { store: { leases } } = await open(t);
    await leases.acquire('publish', 'a', NOW, 1000);
    await leases.release('publish', 'b');
    t.equal(await leases.acquire('publish', 'b', NOW, 1000), undefined, 'only its holder releases it');
    await leases.release('publish', 'a');
    t.strictSame(await leases.acquire('publish', 'b', NOW, 1000), { name: 'publish', fence: 2 });
    await leases.release('publish', 'b');
    t.strictSame(await leases.acquire('publish', 'b', NOW, 1000), { name: 'publish', fence: 3 });
    await leases.release('never taken', 'a');
  });

  t.test('a lease that has ended is taken anew, also by the same holder', async (t) => {
    const { store: { leases } } = await open(t);
    await leases.acquire('publish', 'a', NOW, 1000);
    t.strictSame(await leases.acquire('publish', 'a', NOW + 1000, 1000), { name: 'publish', fence: 2 });
  });

  t.test('a lease from a clock that was set back since holds up nobody; one from a clock that is a little ahead does', async (t) => {
    const { store: { leases } } = await open(t);
    await leases.acquire('publish', 'a', NOW + 3_600_000, 1000);
    t.strictSame(await leases.acquire('publish', 'b', NOW, 1000), { name: 'publish', fence: 2 });
    t.equal(await leases.acquire('publish', 'c', NOW, 1000), undefined, 'and then it is held as any other');
    await leases.acquire('sweep', 'a', NOW + 60_000, 1000);
    t.equal(await leases.acquire('sweep', 'b', NOW, 1000), undefined);
    t.strictSame(await leases.acquire('sweep', 'b', NOW - 1, 1000), { name: 'sweep', fence: 2 });
  });

  t.test('leases do not touch each other, whatever they and their holders are called', async (t) => {
    const { store: { leases } } = await open(t);
    for (const name of HOSTILE_NAMES) {
      t.strictSame(await leases.acquire(name, name, NOW, 1000), { name, fence: 1 });
      t.equal(await leases.acquire(name, `${name}x`, NOW, 1000), undefined);
    }
  });
};
