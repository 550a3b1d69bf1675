import t from 'tap';
import { compileNamePattern, type Name, type NameKind, PatternError } from '../../src/policy/name-pattern.ts';

const CASES: readonly (readonly [string, NameKind, readonly string[], readonly string[]])[] = [
  ['node1.example.com', 'dns', ['node1.example.com'], ['node2.example.com', 'example.com', 'a.node1.example.com']],
  ['Node1.Example.com', 'dns', ['node1.example.com'], []],
  ['*.example.com', 'dns', ['a.example.com', '*.example.com'], ['example.com', 'a.b.example.com', 'aexample.com', 'a.example.com.evil.org', 'evilexample.com']],
  ['**.example.com', 'dns', ['a.example.com', 'a.b.example.com', '*.b.example.com'], ['example.com', 'evilexample.com']],
  ['*', 'dns', ['anything', 'a.b.c'], []],
  ['*', 'text', ['Alice Smith'], []],
  ['*', 'uri', ['spiffe://a/b'], []],
  ['10.0.0.7', 'ip', ['10.0.0.7'], ['10.0.0.8']],
  ['10.0.0.0/8', 'ip', ['10.0.0.7', '10.255.255.255'], ['11.0.0.0', '::a00:7']],
  ['0.0.0.0/0', 'ip', ['1.2.3.4'], ['2001:db8::1']],
  ['2001:db8::/32', 'ip', ['2001:db8::1', '2001:db8:ffff::'], ['2001:db9::1', '10.0.0.1']],
  ['::1', 'ip', ['::1'], ['::2']],
  ['ops@example.com', 'email', ['ops@example.com'], ['Ops@example.com', 'ops@evil.com']],
  ['*@example.com', 'email', ['a@example.com', 'a@EXAMPLE.com'], ['a@b.example.com', 'a@evilexample.com', 'a@evil.org@example.com']],
  ['spiffe://example.com/ci', 'uri', ['spiffe://example.com/ci'], ['spiffe://example.com/ci/x', 'spiffe://example.com/']],
  ['spiffe://example.com/*', 'uri', ['spiffe://example.com/a'], ['spiffe://example.com/a/b', 'spiffe://example.com/', 'spiffe://example.com.evil/a', 'spiffe://example.com/..']],
  ['spiffe://example.com/**', 'uri', ['spiffe://example.com/a', 'spiffe://example.com/a/b'], ['spiffe://example.org/a', 'spiffe://example.com/a/../b']],
  ['spiffe://example.com/ns/*/sa/web', 'uri', ['spiffe://example.com/ns/shop/sa/web'], ['spiffe://example.com/ns/shop/sa/db', 'spiffe://example.com/ns/a/b/sa/web', 'spiffe://example.com/ns//sa/web', 'spiffe://example.com/ns/shop/sa/web/x', 'spiffe://example.com/ns/../sa/web']],
  ['spiffe://example.com/ns/*/**', 'uri', ['spiffe://example.com/ns/a/b', 'spiffe://example.com/ns/a/b/c'], ['spiffe://example.com/ns/a', 'spiffe://example.com/ns/a/']],
  ['spiffe://*.example.com/ci', 'uri', ['spiffe://a.example.com/ci'], ['spiffe://example.com/ci', 'spiffe://a.b.example.com/ci', 'spiffe://a.example.com/x', 'spiffe://aexample.com/ci', 'https://a.example.com/ci', 'spiffe://a.example.com.evil/ci']],
  ['spiffe://**.example.com/**', 'uri', ['spiffe://a.b.example.com/x/y'], ['spiffe://example.com/x', 'spiffe://a.example.com']],
  ['https://example.com/*', 'uri', ['https://example.com/a'], ['https://example.com/a?b', 'https://example.com/a#b', 'https://example.com:444/a', 'https://example.com']],
  ['*@*.example.com', 'email', ['a@b.example.com'], ['a@example.com', 'a@c.b.example.com', 'a@b.example.com.evil.org']],
  ['*@**.example.com', 'email', ['a@c.b.example.com'], ['a@example.com', 'a@evilexample.com']],
  ['alice', 'text', ['alice'], ['Alice', 'bob']],
];

t.test('each form matches its names and no other', (t) => {
  for (const [pattern, kind, matching, others] of CASES) {
    const { matches } = compileNamePattern(pattern);
    for (const value of matching) t.ok(matches({ kind, value } as Name), `${pattern} matches ${value}`);
    for (const value of others) t.notOk(matches({ kind: value.includes(':') && kind === 'ip' ? 'ip' : kind, value } as Name), `${pattern} does not match ${value}`);
  }
  t.end();
});

t.test('a domain pattern matches no other kind', (t) => {
  const { matches } = compileNamePattern('*.example.com');
  for (const kind of ['text', 'email', 'uri', 'ip'] as const) t.notOk(matches({ kind, value: 'a.example.com' } as Name), kind);
  t.end();
});

t.test('what says nothing sensible is refused', (t) => {
  for (const text of ['', '**', '*foo', 'a.*.example.com', '*.', '*.-a', '***.example.com', '10.0.0.1/8', '10.0.0.0/8/8', 'a*@example.com', '*@', 'spiffe://', 'spiffe://a*/b', 'spiffe://a/b*/c', 'spiffe://a/**/b', 'spiffe://*/b', 'spiffe://A/b', 'spiffe://a:1/*', 'spiffe://a//b', 'spiffe://a/b/', 'spiffe://a/%41/*', 'https://*.example.com/a', 'https://*/a', '*@*', '*@***.a', 'a@*.example.com', 'a\nb', 'a\u0000', 'x'.repeat(2000)]) {
    t.throws(() => compileNamePattern(text), PatternError, JSON.stringify(text.slice(0, 30)));
  }
  t.end();
});
