import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { OCSPRequest } from 'pkijs';
import t from 'tap';
import { boolean, contextExplicit, contextPrimitive, integer, nullValue, octetString, oid, sequence } from '../../src/x509/der/writer.ts';
import { X509Error } from '../../src/x509/errors.ts';
import { encodeExtension } from '../../src/x509/extension.ts';
import { MAX_OCSP_REQUEST, parseOcspRequest } from '../../src/x509/ocsp-request.ts';
import { OID } from '../../src/x509/oids.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { certId, FORMS, ocspRequest, opensslRequest } from '../helpers/ocsp.ts';
import { openssl } from '../helpers/openssl.ts';
import { codeOf, LONGEST_MS, millisecondsOf, toHex } from './assert.ts';
import { corpusFile, corpusFolder, missing } from './corpora.ts';

const SERIAL = '3441281c2d04a43b5fcddfd0b22220636adcb97d';
const OTHER = '7fffffffffffffffffffffffffffffffffffffff';

t.test('what OpenSSL asks is understood: one certificate or several, by SHA-1 or SHA-256, with a nonce and without', async (t) => {
  const { data, authorities: { issuing } } = await makeTestAuthorities();
  const folder = temporaryFolder();
  const issuer = join(data, 'authorities', 'issuing', 'cert.pem');
  const ask = (...args: readonly string[]) => parseOcspRequest(opensslRequest(folder, '-issuer', issuer, ...args));

  const plain = ask('-serial', `0x${SERIAL}`, '-no_nonce');
  t.equal(plain.nonce, undefined);
  t.same(plain.certIds.map(({ serial }) => serial), [SERIAL]);
  t.equal(toHex(plain.certIds[0]?.der as Uint8Array), toHex(certId(issuing, SERIAL, 'sha1')), 'our own form of a CertID, octet for octet');

  const several = ask('-serial', `0x${SERIAL}`, '-sha256', '-serial', `0x${OTHER}`, '-sha1', '-serial', '1', '-nonce');
  t.same(several.certIds.map(({ serial }) => serial), [SERIAL, OTHER, '01']);
  t.equal(several.nonce?.length, 16);
  t.equal(toHex(ask('-sha256', '-serial', `0x${SERIAL}`).certIds[0]?.der as Uint8Array), toHex(certId(issuing, SERIAL, 'sha256')));
});

t.test('a signed request is read like any other, and its signature believed in nothing', async (t) => {
  const { data } = await makeTestAuthorities();
  const folder = temporaryFolder();
  const issuer = join(data, 'authorities', 'issuing', 'cert.pem');
  const [cert, key] = [join(folder, 'c.pem'), join(folder, 'k.pem')];
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=signer', '-days', '2');
  const { certIds, nonce } = parseOcspRequest(opensslRequest(folder, '-issuer', issuer, '-serial', `0x${SERIAL}`, '-signer', cert, '-signkey', key));
  t.same(certIds.map(({ serial }) => serial), [SERIAL]);
  t.equal(nonce?.length, 16);
});

t.test('a request that we write is what pkijs reads, and the other way round', async (t) => {
  const { authorities: { issuing } } = await makeTestAuthorities();
  const ours = ocspRequest(FORMS.map((form) => certId(issuing, SERIAL, form)), new Uint8Array(32).fill(7));
  const theirs = OCSPRequest.fromBER(Uint8Array.from(ours).buffer);
  t.equal(toHex(new Uint8Array(theirs.toSchema(true).toBER())), toHex(ours), 'pkijs writes the same octets');
  const read = parseOcspRequest(ours);
  t.same(read.certIds.map(({ serial }) => serial), theirs.tbsRequest.requestList.map(({ reqCert }) => Buffer.from(reqCert.serialNumber.valueBlock.valueHexView).toString('hex')));
  t.same(read.nonce, new Uint8Array(32).fill(7));
});

t.test('a nonce has 1 to 128 octets (RFC 9654)', async (t) => {
  const { authorities: { issuing } } = await makeTestAuthorities();
  const id = certId(issuing, SERIAL);
  for (const octets of [1, 15, 16, 32, 128]) t.equal(parseOcspRequest(ocspRequest([id], new Uint8Array(octets))).nonce?.length, octets, `${octets}`);
  for (const octets of [0, 129, 1000]) t.equal(codeOf(() => parseOcspRequest(ocspRequest([id], new Uint8Array(octets)))), 'bad-extension', `${octets}`);
});

t.test('what is refused, with its code', async (t) => {
  const { authorities: { issuing } } = await makeTestAuthorities();
  const id = certId(issuing, SERIAL);
  const one = sequence(id);
  const extension = (critical: boolean, type = '1.2.3.4') => encodeExtension({ oid: type, critical, value: nullValue() });
  const nonce = (value: Uint8Array) => sequence(sequence(sequence(one), contextExplicit(2, sequence(encodeExtension({ oid: OID.ocspNonce, critical: false, value })))));
  const algorithm = (...parameters: readonly Uint8Array[]) => sequence(oid(OID.sha1), ...parameters);
  const withAlgorithm = (...parts: readonly Uint8Array[]) => sequence(sequence(sequence(sequence(sequence(...parts, octetString(new Uint8Array(20)), octetString(new Uint8Array(20)), integer(1))))));
  const cases: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'nothing': [new Uint8Array(0), 'truncated'],
    'text': [Buffer.from('not ocsp'), 'unexpected-tag'],
    'bytes behind the end': [Buffer.concat([ocspRequest([id]), Buffer.of(0)]), 'trailing-bytes'],
    'an empty request': [sequence(), 'truncated'],
    'no certificate': [ocspRequest([]), 'empty-list'],
    '21 certificates': [ocspRequest(Array.from({ length: 21 }, () => id)), 'too-many-elements'],
    'version 1, written out': [sequence(sequence(contextExplicit(0, integer(0)), sequence(one))), 'unsupported-version'],
    'version 2': [sequence(sequence(contextExplicit(0, integer(1)), sequence(one))), 'unsupported-version'],
    'a critical extension that is not known': [sequence(sequence(sequence(one), contextExplicit(2, sequence(extension(true))))), 'bad-extension'],
    'a critical extension of one certificate': [sequence(sequence(sequence(sequence(id, contextExplicit(0, sequence(extension(true))))))), 'bad-extension'],
    'an empty list of extensions': [sequence(sequence(sequence(one), contextExplicit(2, sequence()))), 'empty-list'],
    'the same extension twice': [sequence(sequence(sequence(one), contextExplicit(2, sequence(extension(false), extension(false))))), 'duplicate-extension'],
    'a nonce without its own OCTET STRING': [nonce(new Uint8Array([1, 2, 3])), 'unexpected-tag'],
    'a nonce with something behind it': [nonce(Buffer.concat([octetString(new Uint8Array(16)), Buffer.of(5, 0)])), 'trailing-bytes'],
    'a signature that is none': [sequence(sequence(sequence(one)), contextExplicit(0, integer(1))), 'unexpected-tag'],
    'something behind the signature': [sequence(sequence(sequence(one)), contextExplicit(0, sequence()), nullValue()), 'trailing-bytes'],
    'something in the place of the signature': [sequence(sequence(sequence(one)), contextPrimitive(1, new Uint8Array(1))), 'trailing-bytes'],
    'a negative serial number': [withAlgorithm(algorithm()).map((octet, index, all) => (index === all.length - 1 ? 0x80 : octet)), 'bad-integer'],
    'a serial number of 21 octets': [sequence(sequence(sequence(sequence(sequence(algorithm(), octetString(new Uint8Array(20)), octetString(new Uint8Array(20)), integer(2n ** 162n)))))), 'bad-integer'],
    'two parameters of the hash': [withAlgorithm(algorithm(nullValue(), nullValue())), 'trailing-bytes'],
    'a hash that is no algorithm': [withAlgorithm(sequence(boolean(true))), 'unexpected-tag'],
    'BER': [Buffer.concat([Buffer.of(0x30, 0x80), ocspRequest([id]).subarray(2), Buffer.of(0, 0)]), 'indefinite-length'],
    'a length that is too long': [Buffer.concat([Buffer.of(0x30, 0x81, ocspRequest([id])[1] as number), ocspRequest([id]).subarray(2)]), 'non-minimal-length'],
  };
  for (const [name, [bytes, code]] of Object.entries(cases)) t.equal(codeOf(() => parseOcspRequest(bytes)), code, name);
  t.equal(codeOf(() => parseOcspRequest(ocspRequest(Array.from({ length: 20 }, () => id)))), 'ok', '20 certificates are not too many');
  t.equal(codeOf(() => parseOcspRequest(sequence(sequence(contextExplicit(1, contextExplicit(4, sequence())), sequence(sequence(id, contextExplicit(0, sequence(extension(false))))), contextExplicit(2, sequence(extension(false))))))), 'ok',
    'a requestor\'s name and extensions that are not critical are passed over');
});

t.test('no bytes hold up the event loop, and the only error is a refusal', async (t) => {
  const { authorities: { issuing } } = await makeTestAuthorities();
  const id = certId(issuing, SERIAL);
  const nested = (depth: number): Uint8Array => {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < depth; i++) bytes = sequence(bytes);
    return bytes;
  };
  const bombs: Readonly<Record<string, Uint8Array>> = {
    'nested to 10,000': nested(10_000),
    'nested to 1,000': nested(1000),
    'nested within the hash algorithm': sequence(sequence(sequence(sequence(sequence(sequence(oid(OID.sha1), nested(2000)), octetString(id), octetString(id), integer(1)))))),
    'thousands of nothing': sequence(sequence(sequence(...Array.from({ length: 8000 }, () => nullValue())))),
    'as long as is taken': ocspRequest([sequence(sequence(oid(OID.sha1)), octetString(new Uint8Array(MAX_OCSP_REQUEST - 100)), octetString(id), integer(1))]),
    'longer than is taken': new Uint8Array(MAX_OCSP_REQUEST + 1).fill(0x30),
    '16 MiB': new Uint8Array(1 << 24).fill(0x30),
  };
  for (const [name, bytes] of Object.entries(bombs)) {
    t.ok(millisecondsOf(() => codeOf(() => parseOcspRequest(bytes))) < LONGEST_MS, name);
  }
  const good = ocspRequest([id, certId(issuing, OTHER, 'sha256')], new Uint8Array(16));
  const flips = fc.array(fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 4 });
  const cuts = fc.record({ flips, cut: fc.option(fc.nat(good.length)), insert: fc.uint8Array({ maxLength: 8 }), where: fc.nat(good.length) });
  fc.assert(fc.property(cuts, ({ flips, cut, insert, where }) => {
    const bytes = Buffer.concat([good.subarray(0, where), insert, good.subarray(where)]);
    for (const { at, to } of flips) bytes[at] = to;
    readOrRefuse(cut === null ? bytes : bytes.subarray(0, cut));
  }), { numRuns: 20_000 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), readOrRefuse), { numRuns: 5000 });
});

/** What is read is bounded and of the bytes given. */
function readOrRefuse(bytes: Uint8Array): void {
  try {
    const { certIds, nonce } = parseOcspRequest(bytes);
    if (certIds.length === 0 || certIds.length > 20 || (nonce !== undefined && (nonce.length === 0 || nonce.length > 128))) throw new Error('out of bounds');
    for (const { serial, der } of certIds) if (!/^([0-9a-f]{2}){1,20}$/.test(serial) || der.length > bytes.length) throw new Error('out of bounds');
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
  }
}

t.test('requests of other programs', { skip: missing('pyca/x509/ocsp') }, async (t) => {
  for (const name of corpusFolder('pyca/x509/ocsp', '-req.der')) {
    t.match(parseOcspRequest(corpusFile(`pyca/x509/ocsp/${name}`)).certIds[0]?.serial, /^[0-9a-f]+$/, name);
  }
});

t.test('no file of any corpus of DER breaks the reader', { skip: missing('hostile-csr') }, async (t) => {
  for (const folder of ['hostile-csr', 'badkeys/tests', 'csr-embedded', 'pyca/x509'].filter((one) => missing(one) === false)) {
    for (const name of corpusFolder(folder, '.der')) readOrRefuse(corpusFile(`${folder}/${name}`));
  }
  t.pass('read or refused');
});

t.test('a file that OpenSSL wrote is the same when it is read again', async (t) => {
  const { data } = await makeTestAuthorities();
  const path = join(temporaryFolder(), 'r.der');
  openssl('ocsp', '-issuer', join(data, 'authorities', 'root', 'cert.pem'), '-serial', '0x00ff', '-no_nonce', '-reqout', path);
  t.equal(parseOcspRequest(readFileSync(path)).certIds[0]?.serial, 'ff', 'without its sign octet');
});
