import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import t from 'tap';
import { signatureAlgorithmFor } from '../../src/x509/algorithms.ts';
import { parseCertificationRequest, verifyPossession } from '../../src/x509/csr.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import { walkElement } from '../../src/x509/der/walk.ts';
import { bitString, contextPrimitive, sequence, utf8String } from '../../src/x509/der/writer.ts';
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyInput } from '../../src/x509/signature.ts';
import { codeOf, hex, LONGEST_MS, millisecondsOf, toHex } from './assert.ts';
import { corpusArchive, missing } from './corpora.ts';
import { attribute, dns, extensionRequest, makeCsr, rawSan } from './make-csr.ts';

const KEYS = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519'), generateKeyPairSync('rsa', { modulusLength: 2048 })];

/** Good CSRs with something of everything in them. */
const seeds = (...more: readonly Uint8Array[]): { readonly der: Uint8Array; readonly privateKey: KeyObject }[] => KEYS.map(({ privateKey, publicKey }) => ({
  privateKey,
  der: makeCsr({
    subject: [{ type: OID.countryName, value: 'CH' }, { type: OID.organizationName, value: 'Zoë' }, { type: OID.emailAddress, value: 'a@b.example' }, { type: OID.commonName, value: 'a.example' }],
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    privateKey,
    attributes: [
      ...more,
      extensionRequest(
        basicConstraints({ ca: false }), keyUsage(['digitalSignature']), extendedKeyUsage([OID.serverAuth]),
        rawSan(dns('a.example'), dns('*.xn--mnchen-3ya.example'), contextPrimitive(7, hex('0a000001')), contextPrimitive(1, Buffer.from('a@b.example')), contextPrimitive(6, Buffer.from('spiffe://b.example/c'))),
      ),
    ],
  }),
}));

const SEEDS = seeds(attribute(OID.challengePassword, utf8String('x')));
/** All parts of which are read, none passed over. */
const READ_WHOLE = seeds();

/** Places where an element begins, found by reading lengths as they are. */
function places(der: Uint8Array, start = 0, end = der.length, found: number[] = []): number[] {
  for (let at = start; at + 2 <= end;) {
    found.push(at);
    const octets = der[at + 1]! < 0x80 ? 0 : der[at + 1]! & 0x7f;
    let length = octets === 0 ? der[at + 1]! : 0;
    for (let i = 0; i < octets; i++) length = length * 256 + der[at + 2 + i]!;
    const content = at + 2 + octets;
    if ((der[at]! & 0x20) !== 0) places(der, content, Math.min(end, content + length), found);
    at = content + length;
  }
  return found;
}

type Mutation = (der: Uint8Array) => Uint8Array;
const splice = (der: Uint8Array, at: number, drop: number, insert: Uint8Array): Uint8Array => Buffer.concat([der.subarray(0, at), insert, der.subarray(at + drop)]);
const nat = fc.nat(1_000_000);
const octet = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, 0x30, 0x31, 0x02, 0x05, 0x06, 0xa0));
const anyPlace = fc.tuple(nat, fc.boolean());
/** Anywhere, or at identifiers and lengths, where it hurts more. */
const locate = (der: Uint8Array, [at, atElement]: readonly [number, boolean]): number => {
  if (!atElement) return at % der.length;
  const starts = places(der);
  return Math.min(der.length - 1, starts[at % starts.length]! + (at % 2));
};

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(anyPlace, octet).map(([at, value]): Mutation => (der) => splice(der, locate(der, at), 1, Uint8Array.of(value))),
  fc.tuple(anyPlace, fc.nat(7)).map(([at, bit]): Mutation => (der) => splice(der, locate(der, at), 1, Uint8Array.of(der[locate(der, at)]! ^ (1 << bit)))),
  fc.tuple(anyPlace, fc.uint8Array({ maxLength: 8 }), fc.nat(8)).map(([at, insert, drop]): Mutation => (der) => splice(der, locate(der, at), drop, insert)),
  fc.tuple(nat, nat, fc.nat(64)).map(([from, to, length]): Mutation => (der) => splice(der, to % der.length, 0, der.subarray(from % der.length, (from % der.length) + length))),
  nat.map((length): Mutation => (der) => der.subarray(0, length % der.length)),
);

t.test('a changed CSR is refused with an X509Error, in a moment', async (t) => {
  let slowest = 0;
  fc.assert(fc.property(fc.constantFrom(...SEEDS), fc.array(mutation, { minLength: 1, maxLength: 4 }), (seed, mutations) => {
    const der = mutations.reduce((bytes, change) => (bytes.length === 0 ? bytes : change(bytes)), seed.der);
    let code = '';
    slowest = Math.max(slowest, millisecondsOf(() => (code = codeOf(() => verifyPossession(parseCertificationRequest(der))))));
    // Nothing of a signed CSR can be written in two ways.
    return code !== 'ok' || toHex(der) === toHex(seed.der);
  }), { numRuns: 10_000 });
  t.ok(slowest < LONGEST_MS, `the slowest took ${slowest.toFixed(1)} ms`);
});

t.test('a CSR that its sender signed after changing it is taken only where it is DER', async (t) => {
  let taken = 0;
  fc.assert(fc.property(fc.constantFrom(...READ_WHOLE), fc.array(mutation, { minLength: 1, maxLength: 2 }), ({ der, privateKey }, mutations) => {
    const outer = new DerReader(der).sequence('csr');
    const tbs = mutations.reduce((bytes, change) => (bytes.length === 0 ? bytes : change(bytes)), outer.element(0x30, 'tbs'));
    const algorithm = signatureAlgorithmFor(privateKey);
    const signed = sequence(tbs, algorithm.der, bitString(sign(algorithm.hash, tbs, keyInput(privateKey, algorithm))));
    const code = codeOf(() => verifyPossession(parseCertificationRequest(signed)));
    if (code !== 'ok') return true;
    taken++;
    const again = asn1js.fromBER(new Uint8Array(signed).buffer);
    return again.offset === signed.length && toHex(new Uint8Array(again.result.toBER(false))) === toHex(signed);
  }), { numRuns: 3000 });
  t.ok(taken > 20, `${taken} were taken`);
});

t.test('noise is refused', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => codeOf(() => parseCertificationRequest(noise)) !== 'ok'), { numRuns: 3000 });
});

for (const name of ['asn1', 'asn1parse', 'x509', 'crl', 'acert'] as const) {
  const path = `openssl-fuzz/${name}.tar.gz`;
  t.test(`the fuzzing corpus of OpenSSL: ${name}`, { skip: missing(path) }, async (t) => {
    let count = 0;
    let slowest = 0;
    for (const { bytes } of corpusArchive(path)) {
      slowest = Math.max(slowest, millisecondsOf(() => {
        codeOf(() => verifyPossession(parseCertificationRequest(bytes)));
        codeOf(() => walkElement(new DerReader(bytes), 'value'));
      }));
      count++;
    }
    t.ok(count > 500, `${count} files`);
    t.ok(slowest < LONGEST_MS, `the slowest took ${slowest.toFixed(1)} ms`);
  });
}
