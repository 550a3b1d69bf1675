import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { hearEvents } from '../../src/agent/crl/hear-events.ts';

t.test('an id that the service refuses is not sent for ever', async (t) => {
  const ids: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const id = request.headers['last-event-id'];
    ids.push(typeof id === 'string' ? id : undefined);
    if (id !== undefined) {
      response.writeHead(400, { 'content-type': 'application/problem+json' }).end('{}');
      return;
    }
    // The first stream gives an id and breaks off.
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: long/1\nevent: crl\ndata: {}\n\n');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const stop = new AbortController();
  const hearing = hearEvents({
    service: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), agent: new Agent() as never, mostPause: 20,
    call: () => { if (ids.length > 3) stop.abort(); }, published: () => {},
  }, { now: Date.now, random: () => 0.5, tell: () => {} }, stop.signal);
  await hearing;
  t.match(ids.slice(0, 4), [undefined, 'long/1', undefined, 'long/1']);
});

t.test('changes of standing are told, and what is not understood is passed over', async (t) => {
  const good = { authority: 'issuing', serial: '0a0b', reason: 'superseded', status: 'revoked', at: '2026-01-02T03:04:05.000Z' };
  const events = [
    '{', 'null', '[]', '7',
    ...[
      { serial: undefined }, { serial: 'xyz' }, { serial: 'ABCD' }, { serial: '' }, { serial: 'a'.repeat(42) }, { authority: 1 }, { at: 'soon' }, { at: 5 }, { status: 'gone' },
    ]
      .map((change) => JSON.stringify({ ...good, ...change })),
    JSON.stringify(good), JSON.stringify({ ...good, status: 'released' }),
  ];
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.map((data) => `event: revocation\ndata: ${data}\n\n`).join(''));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const stop = new AbortController();
  const changes: object[] = [];
  await hearEvents({
    service: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), agent: new Agent() as never, mostPause: 20, call: () => {}, published: () => {},
    changed: (change) => { if (changes.push(change) === 2) stop.abort(); },
  }, { now: Date.now, random: () => 0.5, tell: () => {} }, stop.signal);
  t.same(changes, [
    { authority: 'issuing', serial: '0a0b', status: 'revoked', at: Date.parse(good.at) / 1000 },
    { authority: 'issuing', serial: '0a0b', status: 'released', at: Date.parse(good.at) / 1000 },
  ]);
});
