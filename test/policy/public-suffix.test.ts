import { domainToASCII } from 'node:url';
import t from 'tap';
import { isPublicSuffix } from '../../src/policy/public-suffix.ts';
import { corpusText, missing } from '../x509/corpora.ts';

t.test('domains of many owners, by both sections of the list', async (t) => {
  for (const domain of ['com', 'co.uk', 'github.io', 's3.amazonaws.com', 'any.ck', 'xn--55qx5d.cn', 'k12.ak.us']) t.ok(isPublicSuffix(domain), domain);
  for (const domain of ['example.com', 'example.co.uk', 'me.github.io', 'www.ck', 'corp.internal', 'a.b.example.com']) t.notOk(isPublicSuffix(domain), domain);
});

const LIST = 'psl/public_suffix_list.dat';
t.test('every rule of the list', { skip: missing(LIST) }, async (t) => {
  const rules = corpusText(LIST).split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('//'));
  const wrong: string[] = [];
  for (const rule of rules) {
    const exception = rule.startsWith('!');
    const domain = domainToASCII(rule.replace(/^!/, '').replace(/^\*\./, 'anything.'));
    if (isPublicSuffix(domain) === exception) wrong.push(rule);
  }
  // The package's list is of another day than this one: some rules came, some went.
  t.ok(rules.length > 5000);
  t.ok(wrong.length < rules.length / 50, `${wrong.length} of ${rules.length}: ${wrong.slice(0, 20).join(' ')}`);
});

const VECTORS = 'psl/tests/tests.txt';
t.test('the list\'s own tests', { skip: missing(VECTORS) }, async (t) => {
  const cases = corpusText(VECTORS).split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('//') && !line.startsWith('null')).map((line) => line.split(/\s+/));
  let suffixes = 0;
  for (const [name = '', registrable] of cases) {
    const domain = domainToASCII(name.toLowerCase());
    // What begins with a dot is no name, and does not come so far.
    if (domain === '' || name.startsWith('.')) continue;
    t.equal(isPublicSuffix(domain), registrable === 'null', name);
    if (registrable === 'null') suffixes += 1;
  }
  t.ok(suffixes > 15);
});
