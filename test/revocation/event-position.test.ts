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
  t.equal(positionText(positions[2] as Position).split('/').at(-1), '4:1.0.0.3');
});

t.test('what is no id', async (t) => {
  const wrong = ['', ' ', 'issuing', 'issuing/1', 'issuing/1/2', 'issuing/-1/0/0', 'issuing/01/0/0', 'issuing/1e3/0/0', 'issuing/1/0/0;', ';issuing/1/0/0', 'issuing/1/0/0;issuing/2/0/0', 'Issuing/1/0/0',
    '../1/0/0', '__proto__/1/0/0', 'issuing/1/A/0', 'issuing/1/0/0/4:1.2', 'issuing/1/0/0/0:', 'issuing/1/0/0/4', 'issuing/1/0/0/-1:0', 'issuing/9999999999999999/0/0', `issuing/1/${'z'.repeat(33)}/0`,
    `issuing/1/0/0/999999:${'0.'.repeat(3999)}0`, 'x'.repeat(9000), 'issuing/1/0/0\u0000'];
  for (const text of wrong) t.equal(parsePosition(text), undefined, JSON.stringify(text.slice(0, 40)));
});
