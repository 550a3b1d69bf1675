import t from 'tap';
import { followingOf, watchFollowers } from '../../src/store/redis/link/followers.ts';

const following = (offset: number, replicas: Readonly<Record<string, number>>) => ({ offset, replicas: new Map(Object.entries(replicas)) });

t.test('what ROLE says', async (t) => {
  const text = (value: string): Buffer => Buffer.from(value);
  t.same(followingOf([text('master'), 700, [[text('10.0.0.2'), text('6379'), text('690')], [text('10.0.0.3'), text('6380'), text('700')]]]), following(700, { '10.0.0.2 6379': 690, '10.0.0.3 6380': 700 }));
  t.same(followingOf([text('master'), 0, []]), following(0, {}));
  t.equal(followingOf([text('slave'), text('10.0.0.1'), 6379, text('connected'), 700]), undefined);
  t.equal(followingOf(null), undefined);
});

t.test('doubt: a replica that has left, or says nothing for more than two seconds', async (t) => {
  const watch = watchFollowers();
  const inDoubt = (...now: Parameters<typeof watch>): boolean => watch(...now).doubt;
  t.equal(inDoubt(following(100, { a: 100, b: 90 }), 0), false, 'the first look knows nothing');
  t.equal(inDoubt(following(200, { a: 150, b: 100 }), 1000), false, 'both have said since that they had what there was');
  t.equal(inDoubt(following(300, { a: 300, b: 100 }), 2000), false, 'a second of silence is nothing');
  t.equal(inDoubt(following(400, { a: 400, b: 150 }), 3100), true, 'for more than two it has not come to where the others were');
  t.equal(inDoubt(following(400, { a: 400, b: 400 }), 3200), false, 'it has');
  t.equal(inDoubt(following(400, { a: 400 }), 3300), true, 'it has left');
  t.equal(inDoubt(following(400, { a: 400 }), 8200), true, 'who should know of it may not have heard');
  t.equal(inDoubt(following(400, { a: 400 }), 8300), false, 'they have');
  t.equal(inDoubt(following(900, { a: 900, b: 0, c: 0 }), 8400), false, 'others come');
  t.equal(inDoubt(following(950, { a: 950, b: 900, c: 900 }), 60_000), false, 'nothing was asked for long, and they are where they were to be');
});

t.test('keeping step: from having had all that there was, until silent for more than two seconds', async (t) => {
  const watch = watchFollowers();
  const inStep = (...now: Parameters<typeof watch>): number => watch(...now).inStep;
  t.equal(inStep(following(100, { a: 100, b: 90 }), 0), 1);
  t.equal(inStep(following(200, { a: 200, b: 100 }), 100), 2, 'it has come to where it was to be');
  t.equal(inStep(following(300, { a: 300, b: 100, c: 0 }), 1000), 2, 'one that lags keeps step for two seconds; one that is new, and still loads, does not');
  t.equal(inStep(following(400, { a: 400, b: 100, c: 0 }), 2200), 1, 'silent');
  t.equal(inStep(following(500, { a: 500, b: 400, c: 290 }), 9000), 2, 'it is back');
  t.equal(inStep(following(500, { a: 500, b: 500, c: 300 }), 9100), 3, 'and the new one has loaded');
  t.equal(inStep(following(600, { a: 600 }), 9200), 1, 'two have left');
});
