import { domainToASCII } from 'node:url';
import t from 'tap';
import { normaliseDnsName } from '../../src/x509/dns-name.ts';
import { disallowedIn } from '../../src/x509/idna.ts';
import { X509Error } from '../../src/x509/errors.ts';

t.test('words of many scripts are valid', async (t) => {
  for (const word of ['bücher', 'faß', 'παράδειγμα', 'ουτοπίας', 'пример', 'مثال', 'उदाहरण', '例え', '中文', '한국', 'ตัวอย่าง', 'דוגמה', 'col·lecció', 'எடுத்துக்காட்டு', 'テスト・テスト', 'ôkei', 'đồng']) {
    const name = `${domainToASCII(word)}.example.com`;
    t.equal(normaliseDnsName(name, false), name, word);
  }
});

t.test('symbols, and characters that need others beside them, are not', async (t) => {
  for (const [label, character] of [
    ['i❤', '❤'], ['💩', '💩'], ['≠', '≠'], ['a·b', '·'], ['͵a', '͵'], ['a׳', '׳'], ['a・b', '・'], ['٠۰', '٠'], ['ـ', 'ـ'], ['Ⅷ', 'Ⅷ'], ['A', 'A'], ['ﬁ', 'ﬁ'], ['ᄀ', 'ᄀ'], ['a_b', '_'],
  ] as const) t.equal(disallowedIn(label), character, label);
  t.equal(disallowedIn('plain-1'), undefined);
});

t.test('a name with an A-label that is none is refused, with what is wrong', async (t) => {
  const refusal = (name: string): string => {
    try {
      return normaliseDnsName(name, true);
    } catch (error) {
      return error instanceof X509Error ? `${error.code}: ${error.detail}` : String(error);
    }
  };
  for (const label of ['xn--a', 'xn--', 'xn--0', 'xn--a-0hd']) t.match(refusal(`${label}.example.com`), /^bad-dns-name: .*(not a valid A-label|begins or ends with a hyphen)/, label);
  t.match(refusal('xn--i-7iq.example.com'), 'U+2764 is not a character of a host name');
  t.match(refusal('ab--c.example.com'), 'has the reserved label ab--c');
  t.equal(refusal('XN--BCHER-KVA.example.com'), 'xn--bcher-kva.example.com');
});

t.test('a name in another script is refused, and told in ASCII', async (t) => {
  t.throws(() => normaliseDnsName('bücher.example.com', false), { code: 'bad-dns-name', detail: /written in ASCII it is xn--bcher-kva\.example\.com$/ });
  t.throws(() => normaliseDnsName('*.bücher.example', true), { code: 'bad-dns-name', detail: /written in ASCII it is \*\.xn--bcher-kva\.example$/ });
  t.throws(() => normaliseDnsName('a b.example.com', false), { code: 'bad-dns-name', detail: /hyphens in a label$/ });
});
