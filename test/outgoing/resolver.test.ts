import t from 'tap';
import { CallFailed } from '../../src/outgoing/call-failed.ts';
import { makeResolver } from '../../src/outgoing/resolver.ts';
import { type Behaviour, startDns } from '../helpers/dns-server.ts';

const { signal } = new AbortController();

const failure = async (work: Promise<unknown>): Promise<CallFailed> => {
  const error = await work.then(() => undefined, (reason: unknown) => reason);
  if (error instanceof CallFailed) return error;
  throw new Error(`no CallFailed but ${String(error)}`);
};

t.test('addresses of both kinds, IPv6 first', async (t) => {
  const dns = await startDns(t);
  const resolver = makeResolver(dns.address);
  dns.set('both.example', 'A', '192.0.2.1', '192.0.2.2');
  dns.set('both.example', 'AAAA', '2001:db8::1');
  dns.set('four.example', 'A', '192.0.2.3');
  dns.set('alias.example', 'CNAME', 'four.example');
  t.same(await resolver.addresses('both.example', signal), ['2001:db8::1', '192.0.2.1', '192.0.2.2']);
  t.same(await resolver.addresses('four.example', signal), ['192.0.2.3']);
  t.same(await resolver.addresses('alias.example', signal), ['192.0.2.3']);
  t.same(await resolver.addresses('none.example', signal), []);
});

t.test('an answer to one kind is good enough where the other one fails', async (t) => {
  const dns = await startDns(t);
  const resolver = makeResolver(dns.address);
  dns.set('half.example', 'A', '192.0.2.1');
  dns.behave('half.example', 'servfail', 'AAAA');
  t.same(await resolver.addresses('half.example', signal), ['192.0.2.1']);
  dns.behave('bad.example', 'servfail', 'AAAA');
  t.match(await failure(resolver.addresses('bad.example', signal)), { fault: 'dns', again: true, message: 'looking up AAAA of bad.example: the name servers have failed (SERVFAIL)' });
});

t.test('nothing is kept: each call asks anew', async (t) => {
  const dns = await startDns(t);
  const resolver = makeResolver(dns.address);
  dns.set('kept.example', 'TXT', 'one');
  t.same(await resolver.texts('kept.example', signal), ['one']);
  dns.set('kept.example', 'TXT', 'two');
  t.same(await resolver.texts('kept.example', signal), ['two']);
  dns.set('kept.example', 'TXT');
  t.same(await resolver.texts('kept.example', signal), []);
  dns.set('kept.example', 'TXT', 'three');
  t.same(await resolver.texts('kept.example', signal), ['three']);
  t.equal(dns.asked.length, 4);
});

t.test('questions for CAA of one name at one time share an answer, and keep it no longer', async (t) => {
  const dns = await startDns(t);
  const resolver = makeResolver(dns.address);
  dns.set('shared.example', 'CAA', '0 issue one.example');
  const found = await Promise.all(Array.from({ length: 3 }, () => resolver.caa('shared.example', signal)));
  t.same(found.flat().map(({ value }) => value), ['one.example', 'one.example', 'one.example']);
  t.equal(dns.asked.length, 1);
  dns.set('shared.example', 'CAA', '0 issue two.example');
  t.same((await resolver.caa('shared.example', signal)).map(({ value }) => value), ['two.example']);
  dns.behave('bad.example', 'servfail');
  const failures = await Promise.all([failure(resolver.caa('bad.example', signal)), failure(resolver.caa('bad.example', signal))]);
  t.same(failures.map(({ fault }) => fault), ['dns', 'dns']);
  // One who gives up takes nobody with him.
  const leaving = new AbortController();
  dns.behave('slow.example', 'silent');
  const left = resolver.caa('slow.example', leaving.signal);
  const stays = resolver.caa('slow.example', signal);
  leaving.abort(new Error('gone'));
  await t.rejects(left, { message: 'gone' });
  t.match(await failure(stays), { fault: 'dns', again: true });
});

t.test('a long answer comes over TCP, whole', async (t) => {
  const dns = await startDns(t);
  const long = 'x'.repeat(20_000);
  dns.set('long.example', 'TXT', long, 'short', ...Array.from({ length: 300 }, (_, i) => `filler ${i}`));
  const texts = await makeResolver(dns.address).texts('long.example', signal);
  t.equal(texts[0], long);
  t.equal(texts.length, 200, 'no more records than a name has in earnest');
  t.same(dns.asked.map(({ tcp }) => tcp), [false, true]);
});

t.test('CAA records with their flags; what cannot be read is critical and unknown', async (t) => {
  const dns = await startDns(t);
  dns.set('caa.example', 'CAA', '0 issue ca.example; a=b', '128 ISSUEWILD ;', '1 iodef mailto:a@b', '128 critical x', '0 __proto__ y');
  t.same(await makeResolver(dns.address).caa('caa.example', signal), [
    { critical: false, tag: 'issue', value: 'ca.example; a=b' }, { critical: true, tag: 'issuewild', value: ';' }, { critical: false, tag: 'iodef', value: 'mailto:a@b' },
    { critical: true, tag: '', value: '' }, { critical: true, tag: '', value: '' },
  ]);
  dns.behave('nowhere.example', 'nxdomain');
  t.same(await makeResolver(dns.address).caa('nowhere.example', signal), []);
});

const FAULTS: readonly (readonly [Behaviour, boolean, string])[] = [
  ['nxdomain', true, 'there is no such name (NXDOMAIN)'], ['servfail', true, 'the name servers have failed (SERVFAIL)'], ['refused', true, 'the name servers refuse (REFUSED)'],
];
for (const [behaviour, again, text] of FAULTS) {
  t.test(`${behaviour} is told`, async (t) => {
    const dns = await startDns(t);
    dns.behave('x.example', behaviour);
    t.match(await failure(makeResolver(dns.address).texts('x.example', signal)), { fault: 'dns', again, message: `looking up TXT of x.example: ${text}` });
  });
}

t.test('an answer that is none ends in time, in a fault', async (t) => {
  // All at once: each one waits until its time is up.
  await Promise.all((['garbage', 'short', 'other-name', 'other-id', 'silent'] as const).map(async (behaviour) => {
    const dns = await startDns(t);
    dns.set('x.example', 'TXT', 'value');
    dns.behave('x.example', behaviour);
    const begin = Date.now();
    const { fault } = await failure(makeResolver(dns.address).texts('x.example', signal));
    t.equal(fault, 'dns', behaviour);
    t.ok(Date.now() - begin < 8000, `${behaviour}: ${Date.now() - begin} ms`);
  }));
});

t.test('aliases in a circle have no addresses', async (t) => {
  const dns = await startDns(t);
  dns.set('one.example', 'CNAME', 'two.example');
  dns.set('two.example', 'CNAME', 'one.example');
  t.same(await makeResolver(dns.address).addresses('one.example', signal), []);
});

t.test('no resolver there, and a caller who has enough', async (t) => {
  const nobody = makeResolver('127.0.0.1:1');
  t.match(await failure(nobody.texts('x.example', signal)), { fault: 'dns', again: true });
  const dns = await startDns(t);
  dns.behave('x.example', 'silent');
  const controller = new AbortController();
  const asked = makeResolver(dns.address).texts('x.example', controller.signal);
  setTimeout(() => controller.abort(new Error('enough')), 50);
  await t.rejects(asked, { message: 'enough' });
});
