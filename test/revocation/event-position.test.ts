import t from 'tap';
import { type Position, parsePosition, positionText } from '../../src/revocation/events/position.ts';
import type { CrlDocument } from '../../src/store/crl-store.ts';

const numbers = (all: Partial<Record<CrlDocument, bigint>>): ReadonlyMap<CrlDocument, bigint> => new Map(Object.entries(all) as [CrlDocument, bigint][]);

t.test('an id says a position, and is read back', async (t) => {
  const positions: Position[] = [
    new Map([['issuing', { revision: 0, numbers: numbers({}) }]]),
    new Map([['issuing', { revision: 12, numbers: numbers({ full: 7n, delta: 9n }) }], ['root', { revision: 0, numbers: numbers({ full: 1n }) }]]),
    new Map([['issuing', { revision: 999_999_999_999_999, numbers: numbers({ full: 2n ** 152n, '4-0': 1n, '4-3': 3n }) }]]),
    new Map([['a-b', { revision: 1, numbers: numbers({ '2-1': 5n, '3-0': 1n, '3-1': 1n, '3-2': 36n }) }]]),
  ];
  for (const position of positions) {
    const text = positionText(position);
    t.match(text, /^[!-~]+$/, 'fit for a header');
    const read = parsePosition(text);
    t.same(read, position, text);
  }
  t.equal(positionText(positions[1] as Position), 'issuing/12/7/9;root/0/1/0');
  t.equal(positionText(positions[2] as Position).split('/').at(-1), '4:0:1...3');
});

t.test('an id is never longer than what is taken back; where it must be shorter, a follower hears of a CRL again and misses none', async (t) => {
  const shards = (count: number, number: (index: number) => bigint): ReadonlyMap<CrlDocument, bigint> =>
    numbers(Object.fromEntries(Array.from({ length: count }, (_, index) => [`${count}-${index}`, number(index)])));
  const among = (count: number): Position => new Map(Array.from({ length: 12 }, (_, at) => [`issuing-${at}`, {
    revision: 10 ** 9, numbers: shards(count, (index) => 10n ** 9n + BigInt((index * 7919) % 1000)),
  }]));
  t.same(parsePosition(positionText(among(128))), among(128), '12 authorities of 128 shards: exactly');
  const text = positionText(among(1024));
  t.ok(text.length <= 8192, `${text.length} characters`);
  for (const [name, { numbers: read }] of parsePosition(text) ?? []) {
    const real = among(1024).get(name)?.numbers ?? new Map<CrlDocument, bigint>();
    t.equal(read.size, 1024);
    t.ok([...read].every(([document, number]) => number > 0n && number <= (real.get(document) ?? 0n)), name);
  }
});

t.test('what is no id', async (t) => {
  const wrong = ['', ' ', 'issuing', 'issuing/1', 'issuing/1/2', 'issuing/-1/0/0', 'issuing/01/0/0', 'issuing/1e3/0/0', 'issuing/1/0/0;', ';issuing/1/0/0', 'issuing/1/0/0;issuing/2/0/0', 'Issuing/1/0/0',
    '../1/0/0', '__proto__/1/0/0', 'issuing/1/A/0', 'issuing/1/0/0/4:1.2', 'issuing/1/0/0/4:0:1.2', 'issuing/1/0/0/4::...', 'issuing/1/0/0/4:0:...:', 'issuing/1/0/0/99999:0', 'issuing/1/0/0/0:', 'issuing/1/0/0/4', 'issuing/1/0/0/-1:0', 'issuing/9999999999999999/0/0', `issuing/1/${'z'.repeat(33)}/0`,
    `issuing/1/0/0/999999:${'0.'.repeat(3999)}0`, 'x'.repeat(9000), 'issuing/1/0/0\u0000'];
  for (const text of wrong) t.equal(parsePosition(text), undefined, JSON.stringify(text.slice(0, 40)));
});
