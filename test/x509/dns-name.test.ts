import t from 'tap';
import { normaliseDnsName } from '../../src/x509/dns-name.ts';
import { codeOf } from './assert.ts';

const label = (length: number): string => 'a'.repeat(length);

t.test('host names are taken, in lower case', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    localhost: 'localhost',
    'Node-1.Example.COM': 'node-1.example.com',
    '1.example.com': '1.example.com',
    '3com.com': '3com.com',
    'a.b-c.d--e.example': 'a.b-c.d--e.example',
    'xn--mnchen-3ya.example': 'xn--mnchen-3ya.example',
    'XN--Mnchen-3ya.example': 'xn--mnchen-3ya.example',
    'xn--fa-hia.example': 'xn--fa-hia.example',
    '*.example.com': '*.example.com',
    '*.xn--mnchen-3ya.example': '*.xn--mnchen-3ya.example',
    [`${label(63)}.example`]: `${label(63)}.example`,
    [`${`${label(63)}.`.repeat(3)}${label(61)}`]: `${`${label(63)}.`.repeat(3)}${label(61)}`,
  };
  for (const [text, normal] of Object.entries(cases)) t.equal(normaliseDnsName(text, true), normal);
});

t.test('what is no host name is refused', async (t) => {
  const cases = [
    '', '.', 'a.', '.a', 'a..b', '-a.b', 'a-.b', 'a.-b', 'a.b-', '_dmarc.example.com', 'a_b.example', 'a b', ' a', 'a\n', 'a\0b', 'é.example', '\u212a.example', '__proto__',
    `${label(64)}.example`, `${`${label(63)}.`.repeat(3)}${label(62)}`, 'a/b', 'a:443', 'user@host', 'https://a', '[::1]',
    '*', '*.', '*.com', 'a.*.com', '*a.example.com', 'a*.example.com', '**.example.com', '*.*.example.com', '*..example.com', '*.example.com.',
    'xn--', 'xn--a', 'xn--abc-.example', 'xn--zzzzzz.example', 'ab--cd.example', 'example.xn--999999999',
    '10.0.0.1', '1', '127.1', '0x7f.1', 'example.1', 'example.0x', 'example.0x1f', '010.0.0.1',
  ];
  for (const text of cases) t.equal(codeOf(() => normaliseDnsName(text, true)), 'bad-dns-name', JSON.stringify(text.slice(0, 80)));
});

t.test('a wildcard is refused where only a host has its place', async (t) => {
  t.equal(codeOf(() => normaliseDnsName('*.example.com', false)), 'bad-dns-name');
});
