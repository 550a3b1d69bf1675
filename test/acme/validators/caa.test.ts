import t from 'tap';
import { type IssueValue, parseIssueValue } from '../../../src/acme/validators/issue-value.ts';
import type { ValidationRequest } from '../../../src/acme/validators/validator.ts';
import { type DnsServer, startDns } from '../../helpers/dns-server.ts';
import { ACCOUNT, ask, digest, NEVER, validators } from './setting.ts';

const NAME = 'www.shop.example';
const CAA = { identities: ['ca.example', 'ca2.example'], applies: () => true };

interface Asking extends Partial<ValidationRequest> {
  readonly name?: string;
}

/** What CAA says. */
async function judge(dns: DnsServer, { name = NAME, type = 'dns-01', ...options }: Asking = {}): Promise<string> {
  const problem = await validators(dns.address, { caa: CAA }).caa(ask(type, name, options), NEVER);
  return problem === undefined ? 'permitted' : `${problem.type}: ${problem.detail}`;
}

t.test('without records anybody may issue, and each name up to the top is asked', async (t) => {
  const dns = await startDns(t);
  t.equal(await judge(dns), 'permitted');
  t.same(dns.asked.map(({ name, type }) => `${type} ${name}`).sort(), ['CAA example', 'CAA shop.example', 'CAA www.shop.example']);
});

t.test('the nearest records decide, and no others', async (t) => {
  const dns = await startDns(t);
  dns.set('example', 'CAA', '0 issue other.example');
  t.match(await judge(dns), /^caa: the CAA records \(issue\) of example do not permit it: "other\.example" is another authority$/);
  dns.set('shop.example', 'CAA', '0 issue ca.example');
  t.equal(await judge(dns), 'permitted');
  dns.set(NAME, 'CAA', '0 issue ;');
  t.match(await judge(dns), /^caa: .* of www\.shop\.example do not permit it: nobody may issue$/);
});

const JUDGEMENTS: readonly (readonly [string, readonly string[], string | RegExp, Asking?])[] = [
  ['our name', ['0 issue ca.example'], 'permitted'],
  ['our second name, in capitals', ['0 ISSUE CA2.Example'], 'permitted'],
  ['one of several records', ['0 issue other.example', '0 issue ca.example'], 'permitted'],
  ['a name below ours', ['0 issue a.ca.example'], /"a\.ca\.example" is another authority/],
  ['a name that begins like ours', ['0 issue ca.example.org'], /is another authority/],
  ['only other tags', ['0 iodef mailto:ops@example.com', '0 contactemail x@y', '0 issuemail other.example', '0 future 1'], 'permitted'],
  ['nobody', ['0 issue ;'], /nobody may issue/],
  ['malformed', ['0 issue ca.example other'], /"ca\.example other" is malformed/],
  ['malformed beside good', ['0 issue %%%', '0 issue ca.example'], 'permitted'],
  ['critical and known', ['128 issue ca.example', '128 iodef mailto:a@b', '128 issuewild ;'], 'permitted'],
  ['critical and unknown', ['0 issue ca.example', '128 future 1'], /^caa: a CAA record of www\.shop\.example is critical and has the unknown tag "future"$/],
  ['unreadable', ['0 issue ca.example', '0 __proto__ 1'], /critical and has the unknown tag ""/],
  ['a reserved flag', ['0 issue ca.example', '1 future 1'], 'permitted'],
  ['issuewild alone, for no wildcard', ['0 issuewild ;'], 'permitted'],
  ['issuewild alone, for a wildcard', ['0 issuewild ;'], /CAA records \(issuewild\)/, { wildcard: true }],
  ['issue for a wildcard', ['0 issue ca.example'], 'permitted', { wildcard: true }],
  ['issue against a wildcard', ['0 issue ;'], /CAA records \(issue\)/, { wildcard: true }],
  ['issuewild goes before issue', ['0 issue ;', '0 issuewild ca.example'], 'permitted', { wildcard: true }],
  ['issuewild says nothing of other names', ['0 issue ;', '0 issuewild ca.example'], /nobody may issue/],
  ['the account', [`0 issue ca.example; accounturi=${ACCOUNT}`], 'permitted'],
  ['another account', [`0 issue ca.example; accounturi=${ACCOUNT}0`], /accounturi names another account/],
  ['two accounts', [`0 issue ca.example; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}`], /accounturi names another account/],
  ['an account in another record', [`0 issue ca.example; accounturi=x:y`, `0 issue ca.example; AccountURI=${ACCOUNT}`], 'permitted'],
  ['the method', ['0 issue ca.example; validationmethods=http-01,dns-01'], 'permitted'],
  ['another method', ['0 issue ca.example; validationmethods=http-01,tls-alpn-01'], /validationmethods does not name dns-01/],
  ['a method that begins like it', ['0 issue ca.example; validationmethods=dns-01x'], /validationmethods does not name dns-01/],
  ['no method', ['0 issue ca.example; validationmethods='], /validationmethods does not name dns-01/],
  ['methods twice', ['0 issue ca.example; validationmethods=dns-01; validationmethods=dns-01'], /validationmethods does not name/],
  ['account and method', [`0 issue ca.example; accounturi=${ACCOUNT}; validationmethods=dns-01`], 'permitted'],
  ['unknown parameters', ['0 issue ca.example; policy=ev; x=1'], 'permitted'],
];
t.test('what records say', async (t) => {
  const dns = await startDns(t);
  for (const [what, records, expected, asking] of JUDGEMENTS) {
    dns.set(NAME, 'CAA', ...records);
    t.match(await judge(dns, asking), typeof expected === 'string' ? new RegExp(`^${expected}$`) : expected, what);
  }
});

t.test('an alias is followed, and the climb goes on from the name itself', async (t) => {
  const dns = await startDns(t);
  dns.set(NAME, 'CNAME', 'host.cloud.example.net');
  dns.set('cloud.example.net', 'CAA', '0 issue ;');
  t.equal(await judge(dns), 'permitted', 'RFC 8659 3: not up the tree of the target');
  dns.set('host.cloud.example.net', 'CAA', '0 issue other.example');
  t.match(await judge(dns), /^caa: .* of www\.shop\.example do not permit it/);
});

t.test('no answer is no permission, unless nearer records have decided', async (t) => {
  const dns = await startDns(t);
  dns.behave('shop.example', 'servfail', 'CAA');
  t.match(await judge(dns), /^dns: looking up CAA of shop\.example: the name servers have failed/);
  dns.set(NAME, 'CAA', '0 issue ca.example');
  t.equal(await judge(dns), 'permitted');
  dns.set('other.example', 'CAA', '0 issue ca.example');
  dns.behave('www.other.example', 'garbage', 'CAA');
  t.match(await judge(dns, { name: 'www.other.example' }), /^dns: /);
  dns.behave('gone.example', 'nxdomain', 'CAA');
  t.equal(await judge(dns, { name: 'gone.example' }), 'permitted', 'a name that does not exist has no records');
});

t.test('a deep name is climbed to its end', async (t) => {
  const dns = await startDns(t);
  const name = `${'a.'.repeat(60)}example`;
  dns.set('example', 'CAA', '0 issue other.example');
  t.match(await judge(dns, { name }), /^caa: .* of example do not permit it/);
});

t.test('addresses have no CAA, and private zones are not asked', async (t) => {
  const dns = await startDns(t);
  t.equal(await judge(dns, { name: '192.0.2.1', type: 'http-01' }), 'permitted');
  const ours = validators(dns.address, { caa: { identities: [], applies: (name) => !name.endsWith('.internal') } });
  t.equal(await ours.caa(ask('dns-01', 'db.internal'), NEVER), undefined);
  t.same(dns.asked, []);
});

t.test('a validation is not valid without CAA', async (t) => {
  const dns = await startDns(t);
  const request = ask('dns-01', NAME);
  dns.set(`_acme-challenge.${NAME}`, 'TXT', digest(request).toString('base64url'));
  const ours = validators(dns.address, { caa: CAA });
  t.match(await ours.validate(request, NEVER), { outcome: 'valid' });
  dns.set('example', 'CAA', '0 issue other.example');
  t.match(await ours.validate(request, NEVER), { outcome: 'invalid', again: false, problem: { type: 'caa' } });
  t.match(await ours.validate(ask('dns-01', NAME), NEVER), { outcome: 'invalid', again: false, problem: { type: 'caa' } }, 'it is told before what might change by itself');
  dns.behave('example', 'servfail', 'CAA');
  t.match(await ours.validate(request, NEVER), { outcome: 'invalid', again: true, problem: { type: 'dns' } });
});

const VALUES: Readonly<Record<string, IssueValue | undefined>> = {
  'ca.example': { issuer: 'ca.example', parameters: [] },
  '  ca.example\t': { issuer: 'ca.example', parameters: [] },
  'ca.example;': { issuer: 'ca.example', parameters: [] },
  '': { issuer: '', parameters: [] },
  ';': { issuer: '', parameters: [] },
  ' ; a=b': { issuer: '', parameters: [{ name: 'a', value: 'b' }] },
  'ca.example;a=b;C-d = e=f ; g=': { issuer: 'ca.example', parameters: [{ name: 'a', value: 'b' }, { name: 'c-d', value: 'e=f' }, { name: 'g', value: '' }] },
  'ca-1.example': { issuer: 'ca-1.example', parameters: [] },
  'ca.example; a=b;': undefined,
  'ca.example;;': undefined,
  'ca.example; a': undefined,
  'ca.example; =b': undefined,
  'ca.example; a=b c': undefined,
  'ca.example; a_b=c': undefined,
  'ca.example; a=\u00e9': undefined,
  'ca.example a=b': undefined,
  'ca..example': undefined,
  '.example': undefined,
  '-ca.example': undefined,
  'ca.example.': undefined,
  'c\u0000a.example': undefined,
  [`ca.example; a=${'x'.repeat(5000)}`]: undefined,
};
t.test('the grammar of RFC 8659 4.2', async (t) => {
  for (const [text, expected] of Object.entries(VALUES)) t.same(parseIssueValue(text), expected, text.slice(0, 40));
  const begin = Date.now();
  parseIssueValue(`a${'-'.repeat(4000)}!`);
  parseIssueValue(`${'a.'.repeat(2000)}!`);
  t.ok(Date.now() - begin < 100, 'in time that grows with the text');
});
