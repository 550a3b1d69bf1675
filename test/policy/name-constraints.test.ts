import t from 'tap';
import { constraintViolations } from '../../src/policy/name-constraints.ts';
import { textToName, type NameKind } from '../../src/x509/general-name.ts';
import type { NameSubtree } from '../../src/x509/name-constraints.ts';

const subtree = (kind: NameKind, value: string): NameSubtree => ({ kind, value });
const isPermitted = (name: string, ...permitted: NameSubtree[]): boolean => constraintViolations({ permitted, excluded: [] }, [textToName(name)]).length === 0;
const isExcluded = (name: string, ...excluded: NameSubtree[]): boolean => constraintViolations({ permitted: [], excluded }, [textToName(name)]).length > 0;

/** Name, subtree, whether the name is within it, and whether it must be refused where the subtree is excluded. */
const CASES: readonly (readonly [string, NameSubtree, boolean, boolean])[] = [
  ['example.com', subtree('dns', 'example.com'), true, true],
  ['a.b.example.com', subtree('dns', 'EXAMPLE.com'), true, true],
  ['badexample.com', subtree('dns', 'example.com'), false, false],
  ['example.com.evil.org', subtree('dns', 'example.com'), false, false],
  ['com', subtree('dns', 'example.com'), false, false],
  ['example.com', subtree('dns', '.example.com'), false, false],
  ['a.example.com', subtree('dns', '.example.com'), true, true],
  ['anything.org', subtree('dns', ''), true, true],
  ['*.example.com', subtree('dns', 'example.com'), true, true],
  ['*.example.com', subtree('dns', '.example.com'), true, true],
  ['*.example.com', subtree('dns', 'a.example.com'), false, true],
  ['*.example.com', subtree('dns', 'b.a.example.com'), false, false],
  ['*.a.example.com', subtree('dns', 'a.example.com'), true, true],
  ['10.1.2.3', subtree('ip', '10.0.0.0/8'), true, true],
  ['11.1.2.3', subtree('ip', '10.0.0.0/8'), false, false],
  ['10.1.2.3', subtree('ip', '10.1.2.3/32'), true, true],
  ['10.1.2.3', subtree('ip', '0.0.0.0/0'), true, true],
  ['2001:db8::1', subtree('ip', '2001:db8::/32'), true, true],
  ['2001:db9::1', subtree('ip', '2001:db8::/32'), false, false],
  ['10.1.2.3', subtree('ip', '::/0'), false, false],
  ['ops@example.com', subtree('email', 'ops@example.com'), true, true],
  ['Ops@example.com', subtree('email', 'ops@example.com'), false, false],
  ['ops@example.com', subtree('email', 'ops@EXAMPLE.com'), true, true],
  ['ops@example.com', subtree('email', 'example.com'), true, true],
  ['ops@mail.example.com', subtree('email', 'example.com'), false, false],
  ['ops@mail.example.com', subtree('email', '.example.com'), true, true],
  ['ops@example.com', subtree('email', '.example.com'), false, false],
  ['https://example.com/x', subtree('uri', 'example.com'), true, true],
  ['https://example.com:8443/x', subtree('uri', 'Example.com'), true, true],
  ['spiffe://a.example.com/x', subtree('uri', 'example.com'), false, false],
  ['spiffe://a.example.com/x', subtree('uri', '.example.com'), true, true],
  ['https://evil.org/example.com', subtree('uri', 'example.com'), false, false],
  // RFC 5280 4.2.1.10: a URI without a host name must be refused where URIs are constrained.
  ['urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', subtree('uri', 'example.com'), false, true],
  ['https://10.0.0.1/x', subtree('uri', 'example.com'), false, true],
  ['https://[2001:db8::1]/x', subtree('uri', '.example.com'), false, true],
];

t.test('RFC 5280 4.2.1.10', async (t) => {
  for (const [name, tree, within, excluded] of CASES) {
    t.equal(isPermitted(name, tree), within, `${name} permitted by ${tree.value}`);
    t.equal(isExcluded(name, tree), excluded, `${name} excluded by ${tree.value}`);
  }
});

t.test('a kind that is not constrained is free; one subtree of several is enough; every name is judged', async (t) => {
  t.ok(isPermitted('10.0.0.1', subtree('dns', 'example.com')));
  t.ok(isPermitted('a.example.org', subtree('dns', 'example.com'), subtree('dns', 'example.org')));
  const constraints = { permitted: [subtree('dns', 'example.com')], excluded: [subtree('dns', 'secret.example.com'), subtree('ip', '10.0.0.0/8')] };
  const violations = constraintViolations(constraints, ['ok.example.com', 'a.secret.example.com', 'example.org', '10.0.0.1', '192.0.2.1'].map(textToName));
  t.match(violations, [/^a.secret.example.com is in the excluded/, /^example.org is in none of the permitted subtrees \(example.com\)/, /^10.0.0.1 is in the excluded/]);
  t.equal(violations.length, 3);
});
