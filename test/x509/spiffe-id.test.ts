import t from 'tap';
import { textToName } from '../../src/x509/general-name.ts';
import { spiffeFault, splitSpiffeId } from '../../src/x509/spiffe-id.ts';

t.test('what the specification shows is taken', async (t) => {
  for (const id of ['spiffe://example.com/billing/payments', 'spiffe://k8s-west.example.com/ns/staging/sa/default', 'spiffe://staging_1.example/9eebccd2-12bf-40a6-b262-65fe0487d453', 'spiffe://example.com', `spiffe://${'a'.repeat(255)}/x`]) {
    t.equal(spiffeFault(id), undefined, id);
    t.strictSame(textToName(id), { kind: 'uri', value: id });
  }
  t.strictSame(splitSpiffeId('spiffe://example.com/a/b'), { trustDomain: 'example.com', path: '/a/b' });
  t.equal(textToName('SPIFFE://Example.org/ns/Prod').value, 'spiffe://example.org/ns/Prod', 'scheme and trust domain in lower case, the path as it is');
});

t.test('what is no SPIFFE ID is no name', async (t) => {
  for (const [id, why] of [
    ['spiffe:///path', 'no trust domain'], ['spiffe://example.com/', 'empty segment'], ['spiffe://example.com/a//b', 'empty segment'], ['spiffe://example.com/a/', 'slash at its end'],
    ['spiffe://example.com/a/../b', 'relative segment'], ['spiffe://example.com/.', 'relative segment'], ['spiffe://example.com:8443/a', 'trust domain with characters other'],
    ['spiffe://user@example.com/a', 'trust domain with characters other'], ['spiffe://[2001:db8::1]/a', 'trust domain with characters other'], ['spiffe://example.com/a?b', 'path with characters other'],
    ['spiffe://example.com/a#b', 'path with characters other'], ['spiffe://example.com/%61', 'path with characters other'], [`spiffe://${'a'.repeat(256)}/x`, 'at most 255'], [`spiffe://example.com/${'a'.repeat(2040)}`, 'at most 2048'],
  ] as const) t.throws(() => textToName(id), { code: 'bad-uri', detail: new RegExp(why) }, id);
});
