import t from 'tap';
import { accountLabel } from '../../../src/acme/validators/dns-01.ts';
import type { ValidationOutcome } from '../../../src/acme/validators/validator.ts';
import { startDns } from '../../helpers/dns-server.ts';
import { ACCOUNT, ask, digest, NEVER, NOW, validators } from './setting.ts';

const HOST = 'site.example';
const PLACE = `_acme-challenge.${HOST}`;

const problem = (outcome: ValidationOutcome): string => outcome.outcome === 'valid' ? 'valid' : `${outcome.problem.type}: ${outcome.problem.detail}`;

t.test('dns-01: the digest is among the records', async (t) => {
  const dns = await startDns(t);
  const ours = validators(dns.address);
  for (const wildcard of [false, true]) {
    const request = ask('dns-01', HOST, { wildcard });
    dns.set(PLACE, 'TXT', 'of another client', digest(request).toString('base64url'));
    t.equal(problem(await ours.validate(request, NEVER)), 'valid');
  }
});

t.test('dns-01: an alias leads to where the records are', async (t) => {
  const dns = await startDns(t);
  const request = ask('dns-01', HOST);
  dns.set(PLACE, 'CNAME', 'elsewhere.example.net');
  dns.set('elsewhere.example.net', 'TXT', digest(request).toString('base64url'));
  t.equal(problem(await validators(dns.address).validate(request, NEVER)), 'valid');
});

t.test('dns-01: what is missing or wrong is told, shortly, and may be right a little later', async (t) => {
  const dns = await startDns(t);
  const ours = validators(dns.address);
  const request = ask('dns-01', HOST);
  const right = digest(request).toString('base64url');
  const told = async (...texts: readonly string[]): Promise<string> => {
    dns.set(PLACE, 'TXT', ...texts);
    const outcome = await ours.validate(request, NEVER);
    t.match(outcome, { again: true });
    return problem(outcome);
  };
  t.equal(await told(), `unauthorized: ${PLACE} has no TXT record`);
  t.equal(await told('one', 'two\n', 'three', 'four', 'five'), `unauthorized: no TXT record of ${PLACE} is the digest of the challenge's key authorization; found "one", "two?", "three" and 2 more`);
  t.match(await told('x'.repeat(60_000)), /found "x{64}\.\.\."$/);
  t.match(await told(`${right}=`, ` ${right}`, right.slice(1), request.keyAuthorization), /^unauthorized/);
});

t.test('dns-01: faults of DNS are dns', async (t) => {
  const dns = await startDns(t);
  const ours = validators(dns.address);
  for (const [behaviour, text] of [['nxdomain', 'there is no such name (NXDOMAIN)'], ['servfail', 'the name servers have failed (SERVFAIL)']] as const) {
    dns.behave(PLACE, behaviour);
    t.equal(problem(await ours.validate(ask('dns-01', HOST), NEVER)), `dns: looking up TXT of ${PLACE}: ${text}`);
  }
  dns.behave(PLACE, 'silent');
  const begin = Date.now();
  t.equal(problem(await validators(dns.address, { timeout: 1 }).validate(ask('dns-01', HOST), NEVER)), 'dns: the validation was not completed within 1 s');
  t.ok(Date.now() - begin < 2500);
});

t.test('no DNS challenge is for an address', async (t) => {
  const dns = await startDns(t);
  for (const type of ['dns-01', 'dns-account-01', 'dns-persist-01'] as const) t.match(problem(await validators(dns.address).validate(ask(type, '127.0.0.1'), NEVER)), /^malformed: /);
  t.same(dns.asked, []);
});

t.test('dns-account-01: dns-01 under a label of the account\'s own', async (t) => {
  t.equal(accountLabel('https://example.com/acme/acct/ExampleAccount'), '_ujmmovf2vn55tgye', 'the draft\'s example');
  const dns = await startDns(t);
  const ours = validators(dns.address);
  const request = ask('dns-account-01', HOST, { wildcard: true });
  dns.set(PLACE, 'TXT', digest(request).toString('base64url'));
  t.match(problem(await ours.validate(request, NEVER)), /^unauthorized: _[a-z2-7]{16}\._acme-challenge\.site\.example has no TXT record$/);
  dns.set(`${accountLabel(ACCOUNT)}.${PLACE}`, 'TXT', digest(request).toString('base64url'));
  t.equal(problem(await ours.validate(request, NEVER)), 'valid');
});

t.test('dns-persist-01: a lasting record for authority and account', async (t) => {
  const dns = await startDns(t);
  const ours = validators(dns.address);
  const now = NOW / 1000;
  const validate = async (text: string, wildcard = false): Promise<string> => {
    dns.set(`_validation-persist.${HOST}`, 'TXT', 'unrelated; text=1', text);
    return problem(await ours.validate(ask('dns-persist-01', HOST, { token: '', wildcard }), NEVER));
  };
  const base = `ca.example; accounturi=${ACCOUNT}`;
  for (const text of [base, `CA.example;accounturi=${ACCOUNT}`, `${base}; policy=wildcard`, `${base}; persistUntil=${now}`, `${base}; unknown=x`]) t.equal(await validate(text), 'valid', text);
  t.equal(await validate(`${base}; policy=WildCard`, true), 'valid');
  const faults: readonly (readonly [string, RegExp, boolean?])[] = [
    ['', /it names another authority/], ['ca.example', /it names another account, or none/], [`other.example; accounturi=${ACCOUNT}`, /another authority/], [`ca.example; accounturi=${ACCOUNT}2`, /another account/],
    [`${base}; accounturi=${ACCOUNT}`, /another account, or none/], [base, /it does not allow wildcards/, true], [`${base}; policy=other`, /does not allow wildcards/, true],
    [`${base}; persistUntil=${now - 1}`, /it has expired/], [`${base}; persistUntil=soon`, /persistUntil is malformed/], [`${base}; persistUntil=${now + 1}; persistUntil=${now + 2}`, /persistUntil is malformed/],
    [`${base};;`, /it is malformed/], [`ca.example accounturi=${ACCOUNT}`, /it is malformed/],
  ];
  for (const [text, expected, wildcard] of faults) t.match(await validate(text, wildcard), expected, text);
});
