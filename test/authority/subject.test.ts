import t from 'tap';
import { parseSubject } from '../../src/authority/subject.ts';
import { distinguishedNameToText } from '../../src/x509/distinguished-name.ts';
import { OID } from '../../src/x509/oids.ts';
import { refusalOf } from './assert.ts';

t.test('the most particular part is written first and encoded last (RFC 4514 2.1)', async (t) => {
  t.same(parseSubject('CN=Example Root,O=Example,C=DE', 'rootSubject'), [
    { type: OID.countryName, value: 'DE' }, { type: OID.organizationName, value: 'Example' }, { type: OID.commonName, value: 'Example Root' },
  ]);
});

t.test('spaces around parts, lower-case types and escapes are taken', async (t) => {
  const texts: Readonly<Record<string, string>> = {
    ' cn = Example Root ,  o=Example': 'CN=Example Root, O=Example',
    'CN=Müller & Söhne': 'CN=Müller & Söhne',
    'CN=Example\\, Inc.': 'CN=Example\\, Inc.',
    'CN=a\\\\b\\+c\\"d': 'CN=a\\\\b\\+c\\"d',
    'CN=a=b': 'CN=a=b',
    'CN=ends in a space\\ ': 'CN=ends in a space\\ ',
    'DC=example,DC=com': 'DC=example, DC=com',
    'OU=Unit,L=Town,ST=State': 'OU=Unit, L=Town, ST=State',
  };
  for (const [text, expected] of Object.entries(texts)) t.equal(distinguishedNameToText(parseSubject(text, 'x')), expected, text);
});

t.test('anything else is refused under the name of the option', async (t) => {
  const bad = [
    '', ' ', 'Example', 'CN=', 'CN=a,', ',CN=a', 'CN=a,,O=b', 'XX=a', '__proto__=a', '=a', 'CN=a+O=b', 'CN=a\\', 'CN=a\\xb', 'CN=\\C3\\A4', 'C=Germany', 'C=D1',
    `CN=${'a'.repeat(65)}`, `CN=a${' '.repeat(1100)}`, 'CN=a\u0000b', 'CN=a\nb', 'CN=\ud800', 'CN=\u202eabc', 'DC=ä',
  ];
  for (const text of bad) {
    const refusal = await refusalOf(() => parseSubject(text, 'rootSubject'));
    t.equal(refusal?.code, 'option-wrong', JSON.stringify(text.slice(0, 40)));
    t.equal(refusal?.faults[0]?.at, 'rootSubject');
  }
});
