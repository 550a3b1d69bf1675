import fc from 'fast-check';
import t from 'tap';
import { decodeCrlNumber, decodeIssuingDistributionPoint, decodeReasonCode } from '../../src/x509/crl-extensions.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import { decodeDistinguishedName, encodeDistinguishedName } from '../../src/x509/distinguished-name.ts';
import { normaliseDnsName } from '../../src/x509/dns-name.ts';
import {
  decodeAuthorityInformationAccess, decodeAuthorityKeyIdentifier, decodeBasicConstraints, decodeCertificatePolicies, decodeCrlDistributionPoints, decodeExtendedKeyUsage,
  decodeKeyUsage, decodeSubjectAltName, decodeSubjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import { nameToText, textToName } from '../../src/x509/general-name.ts';
import { decodeNameConstraints } from '../../src/x509/name-constraints.ts';
import { parseSubjectPublicKeyInfo } from '../../src/x509/public-key.ts';
import { codeOf, toHex } from './assert.ts';
import { corpusArchive, missing } from './corpora.ts';

const DECODERS: readonly ((value: Uint8Array) => unknown)[] = [
  decodeAuthorityInformationAccess, decodeAuthorityKeyIdentifier, decodeBasicConstraints, decodeCertificatePolicies, decodeCrlDistributionPoints, decodeExtendedKeyUsage,
  decodeKeyUsage, decodeSubjectAltName, decodeSubjectKeyIdentifier, decodeNameConstraints, decodeCrlNumber, decodeIssuingDistributionPoint, decodeReasonCode,
  parseSubjectPublicKeyInfo, decodeDistinguishedName,
];

/** From each corpus: more find nothing more, and take their time. */
const MOST_ELEMENTS = 4000;

/** Every octet string, sequence and context tag in some bytes, as far as they can be followed. */
function* elements(bytes: Uint8Array, depth = 0): Generator<Uint8Array> {
  const reader = new DerReader(bytes);
  while (!reader.atEnd && depth < 12) {
    const start = reader.offset;
    const tag = reader.peek();
    let content: Uint8Array;
    try {
      content = reader.content(tag, 'element');
    } catch {
      return;
    }
    yield bytes.subarray(start, reader.offset);
    if (tag === 0x04) yield content;
    if (tag === 0x04 || (tag & 0x20) !== 0) yield* elements(content, depth + 1);
  }
}

for (const name of ['x509', 'crl', 'acert'] as const) {
  const path = `openssl-fuzz/${name}.tar.gz`;
  t.test(`every decoder takes or refuses every element of OpenSSL's fuzzing corpus: ${name}`, { skip: missing(path) }, async (t) => {
    const seen = new Set<string>();
    let taken = 0;
    for (const { bytes } of corpusArchive(path)) {
      if (seen.size > MOST_ELEMENTS) break;
      for (const element of elements(bytes)) {
        const key = toHex(element);
        if (seen.has(key)) continue;
        seen.add(key);
        for (const decode of DECODERS) if (codeOf(() => decode(element)) === 'ok') taken++;
        // What is taken as a name has one encoding but for the choice of string type.
        if (codeOf(() => decodeDistinguishedName(element)) === 'ok') {
          const name = decodeDistinguishedName(element);
          if (JSON.stringify(decodeDistinguishedName(encodeDistinguishedName(name))) !== JSON.stringify(name)) t.fail(key);
        }
      }
    }
    t.ok(seen.size > 3000 && taken > 100, `${taken} takings of ${seen.size} elements`);
  });
}

t.test('any octets are taken or refused by every decoder', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(0x30, 0x03, 0x04, 0x02, 0x0a), (noise, tag) => {
    for (const decode of DECODERS) {
      codeOf(() => decode(noise));
      codeOf(() => decode(Uint8Array.of(tag, noise.length, ...noise)));
    }
  }), { numRuns: 2000 });
});

t.test('any text is a name with one normal form, or refused', async (t) => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('.', '*', '@', '://', ':', '::', '[', ']', 'xn--', '1', 'a', '-', '/', '%', 'urn:', '\u0130', '\ud800'), fc.domain(), fc.ipV4(), fc.ipV6(), fc.webUrl(), fc.emailAddress());
  fc.assert(fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => {
    const text = pieces.join('');
    if (codeOf(() => textToName(text)) !== 'ok') return true;
    const name = textToName(text);
    const again = textToName(nameToText(name));
    return again.kind === name.kind && again.value === name.value;
  }), { numRuns: 2000 });
});

t.test('the punycode corpus of OpenSSL', { skip: missing('openssl-fuzz/punycode.tar.gz') }, async (t) => {
  for (const { bytes } of corpusArchive('openssl-fuzz/punycode.tar.gz')) {
    const text = `xn--${Buffer.from(bytes).toString('latin1')}`;
    const code = codeOf(() => normaliseDnsName(text, false));
    t.ok(code === 'ok' || code === 'bad-dns-name', toHex(bytes));
  }
});
