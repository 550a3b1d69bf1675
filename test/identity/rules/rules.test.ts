import t from 'tap';
import { compileRule, decide, faultsOfRule } from '../../../src/identity/rules/rule.ts';
import { compileTemplate, TemplateError } from '../../../src/identity/rules/template.ts';
import { matchesText } from '../../../src/identity/rules/text-pattern.ts';

const attributes = new Map(Object.entries({
  id: ['i-0abc'], region: ['eu-west-1'], owner: ['Octo-Org'], ref: ['refs/heads/main'], repository: ['octo-org/site'], names: ['a.example.com', '10.0.0.7'],
  star: ['*'], network: ['10.0.0.0/8'], dotted: ['a.b'], dots: ['..'], quoted: ['a b'], long: ['x'.repeat(64)], none: [], mail: ['ops.team'],
}));
const fill = (text: string): readonly string[] => compileTemplate(text).fill(attributes);

t.test('a star stops at a slash, two do not, and all else stands for itself', async (t) => {
  for (const [pattern, text] of [['a', 'a'], ['*', ''], ['*', 'abc'], ['a*c', 'abc'], ['a*', 'a'], ['**', 'a/b'], ['repo:o/*:ref:refs/heads/*', 'repo:o/r:ref:refs/heads/main'], ['a.c', 'a.c'], ['*b*', 'abab']]) {
    t.ok(matchesText(pattern ?? '', text ?? ''), `${pattern} ${text}`);
  }
  for (const [pattern, text] of [['a', 'ab'], ['a', 'A'], ['', 'a'], ['*', 'a/b'], ['repo:o/*', 'repo:o/r/x'], ['a.c', 'abc'], ['a*', 'ba'], ['(a+)+$', 'aaa']]) {
    t.notOk(matchesText(pattern ?? '', text ?? ''), `${pattern} ${text}`);
  }
  const started = performance.now();
  matchesText('*a'.repeat(100), 'a'.repeat(2000));
  t.ok(performance.now() - started < 2000, 'no pattern takes long');
});

t.test('a template is filled in', async (t) => {
  t.same(fill('{{id}}.nodes.example.com'), ['i-0abc.nodes.example.com']);
  t.same(fill('{{ id }}-{{region}}.example.com'), ['i-0abc-eu-west-1.example.com']);
  t.same(fill('{{owner|lower}}.ci.example.com'), ['octo-org.ci.example.com']);
  t.same(fill('*.{{id}}.example.com'), ['*.i-0abc.example.com']);
  t.same(fill('spiffe://example.com/aws/{{id}}'), ['spiffe://example.com/aws/i-0abc']);
  t.same(fill('spiffe://example.com/{{repository|path}}/{{owner}}'), ['spiffe://example.com/octo-org/site/Octo-Org']);
  t.same(fill('{{repository|last}}.{{repository|first}}.{{owner|first|lower}}.example.com'), ['site.octo-org.octo-org.example.com']);
  t.same(fill('{{mail}}@example.com'), ['ops.team@example.com']);
  t.same(fill('{{names}}'), ['a.example.com', '10.0.0.7']);
  t.same(fill('10.0.0.0/8'), ['10.0.0.0/8']);
});

t.test('a value that is more than its place takes is refused', async (t) => {
  for (const text of [
    '{{star}}.example.com', '{{dotted}}.example.com', '{{owner}}.example.com', '{{quoted}}.example.com', '{{long}}.example.com', '{{none}}.example.com', '{{unknown}}.example.com',
    '{{star}}', '{{network}}', '{{quoted}}', '{{dots}}', 'spiffe://example.com/{{dots}}', 'spiffe://example.com/{{ref}}', 'spiffe://example.com/{{star}}', 'spiffe://{{dotted}}/x',
    '{{quoted}}@example.com', 'ops@{{dotted}}.example.com', '{{id}}{{long}}.example.com',
  ]) t.throws(() => fill(text), TemplateError, text);
});

t.test('what is no template is refused when it is read', async (t) => {
  for (const text of ['', '{{', '{{}}', '{{a b}}', '{{id|upper}}', '{id}.example.com', '{{id|path}}.example.com', '{{id}}://example.com', 'a..example.com', '*{{id}}.example.com', '{{id}}.*.example.com', '{{id}} x']) {
    t.throws(() => compileTemplate(text), TemplateError, text);
  }
});

t.test('the first rule that matches decides, and without one nothing is allowed', async (t) => {
  const rules = [
    { when: { region: ['us-*'] }, profile: 'server', names: ['us.example.com'] },
    { when: { region: ['eu-*', 'ap-*'], id: ['i-*'] }, profile: 'node', names: ['{{id}}.example.com'], maxValidity: 3600 },
    { when: {}, profile: 'client', names: ['*'] },
  ].map(compileRule);
  t.same(decide(rules, attributes), { allowed: true, rule: 2, grant: { profiles: ['node'], names: ['i-0abc.example.com'], maxValidity: 3600 } });
  t.match(decide(rules, new Map([['region', ['eu-west-1']]])), { allowed: true, rule: 3 });
  t.match(decide(rules.slice(0, 2), new Map()), { allowed: false, reason: 'no rule allows anything: rule 1 requires region to be "us-*", which is not known here; rule 2 requires region to be "eu-*" or "ap-*", which is not known here and id to be "i-*", which is not known here' });
  t.match(decide([], attributes), { allowed: false });
  t.match(decide([compileRule({ when: { ref: ['refs/tags/*'] }, profile: 'node', names: ['a'] })], attributes), {
    reason: 'no rule allows anything: rule 1 requires ref to be "refs/tags/*", not "refs/heads/main"',
  });
  t.match(decide([compileRule({ when: {}, profile: 'node', names: ['{{dotted}}.example.com'] }), ...rules], attributes), { allowed: false, reason: /^rule 1: dotted is "a\.b"/ }, 'a later rule is not asked');
  t.same(faultsOfRule({ when: { colour: ['x'] }, profile: 'node', names: ['{{id}}.example.com', '{{colour}}', '{{'] }, ['id']).map(({ at }) => at.join('.')), ['when.colour', 'names.1', 'names.2']);
});
