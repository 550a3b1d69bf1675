import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { BasicOCSPResponse, OCSPResponse } from 'pkijs';
import t from 'tap';
import { signatureAlgorithmFor } from '../../src/x509/algorithms.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { X509Error } from '../../src/x509/errors.ts';
import { assembleOcspResponse, encodeOcspError, encodeResponseData, encodeSingleResponse, OCSP_STATUSES, responderByKey, responderByName, type SingleResponse } from '../../src/x509/ocsp-response.ts';
import { parseOcspResponse, parseResponseData } from '../../src/x509/ocsp-response-reader.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../src/x509/revocation-reason.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { file, opensslRequest } from '../helpers/ocsp.ts';
import { openssl, opensslStatus } from '../helpers/openssl.ts';
import { codeOf, toHex } from './assert.ts';
import { corpusFile, missing } from './corpora.ts';

const NOW = Math.floor(Date.now() / 1000);
const REASONS = (Object.keys(REVOCATION_REASONS) as RevocationReason[]).filter((reason) => reason !== 'removeFromCRL');

interface Ca {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
  readonly certificate: ReturnType<typeof parseCertificate>;
}

/** A CA of OpenSSL's making, which signs its own answers. */
function openSslCa(key: readonly string[] = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']): Ca {
  const folder = temporaryFolder();
  const paths = { cert: join(folder, 'ca.pem'), key: join(folder, 'ca.key') };
  openssl('req', '-x509', '-newkey', ...key, '-nodes', '-keyout', paths.key, '-out', paths.cert, '-subj', '/C=XX/O=Example/CN=Test CA', '-days', '30');
  return { folder, ...paths, certificate: parseCertificate(new Uint8Array(new X509Certificate(readFileSync(paths.cert)).raw)) };
}

/** OpenSSL's responder: what it answers about a good, three revoked and an unknown certificate. */
function answerOfOpenSsl({ folder, cert, key }: Ca, ...args: readonly string[]): Uint8Array {
  const index = file(folder, 'index.txt', [
    'V\t301231235959Z\t\t1001\tunknown\t/CN=good',
    'R\t301231235959Z\t260102030405Z\t1002\tunknown\t/CN=no reason',
    'R\t301231235959Z\t260102030405Z,keyCompromise\t1003\tunknown\t/CN=compromised',
    'R\t301231235959Z\t260102030405Z,certificateHold\t1004\tunknown\t/CN=held',
  ].map((line) => `${line}\n`).join(''));
  const request = file(folder, 'all.req', opensslRequest(folder, '-issuer', cert, ...['1001', '1002', '1003', '1004', '1005'].flatMap((serial) => ['-serial', `0x${serial}`]), ...args.filter((arg) => arg.endsWith('nonce'))));
  const out = join(folder, 'all.resp');
  openssl('ocsp', '-index', index, '-rsigner', cert, '-rkey', key, '-CA', cert, '-reqin', request, '-respout', out, '-nmin', '60', ...args.filter((arg) => !arg.endsWith('nonce')));
  return new Uint8Array(readFileSync(out));
}

t.test('what OpenSSL answers is read, and written by us it has the same octets', async (t) => {
  for (const [name, args] of [['by name', ['-nonce']], ['by key', ['-no_nonce', '-resp_key_id']], ['with no certificate', ['-no_nonce', '-resp_no_certs']]] as const) {
    const ca = openSslCa();
    const der = answerOfOpenSsl(ca, ...args);
    const { status, basic } = parseOcspResponse(der);
    if (basic === undefined) return t.fail('no answer');
    t.equal(status, 'successful');
    t.same(basic.responses.map(({ certId, certStatus }) => [certId.serial, certStatus.status]), [['1001', 'good'], ['1002', 'revoked'], ['1003', 'revoked'], ['1004', 'revoked'], ['1005', 'unknown']]);
    t.match(basic.responses.map(({ certStatus }) => certStatus).slice(1, 3), [{ at: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000, reason: 'unspecified' }, { reason: 'keyCompromise' }]);

    const responses = basic.responses.map((one) => encodeSingleResponse({ ...one, certId: one.certId.der, nextUpdate: one.nextUpdate as number }));
    const { certificate } = ca;
    const responderId = name === 'by key' ? responderByKey(certificate.publicKey) : responderByName(certificate.subject);
    const data = encodeResponseData({ responderId, producedAt: basic.producedAt, responses, nonce: basic.nonce });
    t.equal(toHex(data), toHex(basic.tbs), `${name}: what is signed`);
    const algorithm = signatureAlgorithmFor(new X509Certificate(readFileSync(ca.cert)).publicKey).der;
    t.equal(toHex(assembleOcspResponse(data, algorithm, basic.signature, basic.certificates)), toHex(der), `${name}: the whole`);
  }
});

const certId = (ca: Ca, serial: string): Uint8Array => {
  const answer = parseOcspResponse(answerOfOpenSsl(ca, '-no_nonce')).basic;
  return answer?.responses.find(({ certId: one }) => one.serial === serial)?.certId.der as Uint8Array;
};

function signed(ca: Ca, key: KeyObject, responses: readonly SingleResponse[], nonce?: Uint8Array): Uint8Array {
  const data = encodeResponseData({ responderId: responderByKey(ca.certificate.publicKey), producedAt: NOW, responses: responses.map(encodeSingleResponse), nonce });
  const algorithm = signatureAlgorithmFor(key);
  return assembleOcspResponse(data, algorithm.der, sign(algorithm.hash, data, key), []);
}

t.test('what we answer OpenSSL verifies, with every reason, for RSA, EC and Ed25519 keys', async (t) => {
  for (const args of [['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['rsa:2048'], ['ed25519']]) {
    const ca = openSslCa(args);
    const id = certId(ca, '1001');
    const key = createPrivateKey(readFileSync(ca.key));
    for (const reason of REASONS) {
      const der = signed(ca, key, [{ certId: id, certStatus: { status: 'revoked', at: NOW - 60, reason }, thisUpdate: NOW, nextUpdate: NOW + 3600, archiveCutoff: NOW - 86_400 }]);
      const { text } = opensslStatus('ocsp', '-respin', file(ca.folder, 'r', der), '-issuer', ca.cert, '-CAfile', ca.cert, '-serial', '0x1001', '-resp_text');
      t.match(text, 'Response verify OK', `${args[0]} ${reason}`);
      t.match(text, '0x1001: revoked');
      t.match(text, /Archive Cutoff/);
      if (reason === 'unspecified') t.notMatch(text, 'Reason:');
      // OpenSSL 3.0 has no words for the reasons that RFC 5280 added.
      else t.match(text, new RegExp(`Reason: (${reason}|\\(UNKNOWN\\))`), reason);
    }
  }
});

t.test('pkijs reads our answers and writes the same octets', async (t) => {
  const ca = openSslCa();
  const id = certId(ca, '1001');
  const common = { certId: id, thisUpdate: NOW, nextUpdate: NOW + 3600 };
  const der = signed(ca, createPrivateKey(readFileSync(ca.key)), [
    { ...common, certStatus: { status: 'good' } }, { ...common, certStatus: { status: 'unknown' } },
    { ...common, certStatus: { status: 'revoked', at: NOW - 9, reason: 'superseded' }, archiveCutoff: NOW - 10 },
  ], new Uint8Array(32).fill(3));
  const whole = OCSPResponse.fromBER(Uint8Array.from(der).buffer);
  t.equal(toHex(new Uint8Array(whole.toSchema().toBER())), toHex(der));
  const basic = BasicOCSPResponse.fromBER(whole.responseBytes?.response.valueBlock.valueHexView.slice().buffer as ArrayBuffer);
  t.equal(toHex(new Uint8Array(basic.tbsResponseData.toSchema(true).toBER())), toHex(parseOcspResponse(der).basic?.tbs as Uint8Array), 'the signed part');
  t.equal(basic.tbsResponseData.producedAt.getTime(), NOW * 1000);
  t.equal(basic.tbsResponseData.responses.length, 3);
});

t.test('an answer that says why there is none is three octets of status, unsigned', async (t) => {
  for (const status of ['malformedRequest', 'internalError', 'tryLater', 'sigRequired', 'unauthorized'] as const) {
    t.equal(toHex(encodeOcspError(status)), `30030a010${OCSP_STATUSES[status]}`);
    t.strictSame(parseOcspResponse(encodeOcspError(status)), { status });
  }
  t.equal(codeOf(() => parseOcspResponse(Buffer.from('30030a0104', 'hex'))), 'bad-integer', '4 is not used');
  t.equal(codeOf(() => parseOcspResponse(Buffer.from('30030a0100', 'hex'))), 'truncated', 'successful, and no answer');
});

t.test('times are GeneralizedTime before 2050 and after', async (t) => {
  const ca = openSslCa();
  const id = certId(ca, '1001');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (const at of [NOW, 4_000_000_000]) {
    const read = parseOcspResponse(signed(ca, privateKey, [{ certId: id, certStatus: { status: 'revoked', at, reason: 'unspecified' }, thisUpdate: at, nextUpdate: at + 1 }])).basic?.responses[0];
    t.match(read, { thisUpdate: at, nextUpdate: at + 1, certStatus: { at } });
  }
});

t.test('no bytes break the reader of answers', async () => {
  const der = answerOfOpenSsl(openSslCa(), '-nonce');
  const { tbs } = parseOcspResponse(der).basic ?? { tbs: new Uint8Array(0) };
  const flips = fc.array(fc.record({ at: fc.nat(der.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 3 });
  const refuse = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
    }
  };
  fc.assert(fc.property(flips, fc.nat(der.length), (changes, cut) => {
    const bytes = Uint8Array.from(der);
    for (const { at, to } of changes) bytes[at] = to;
    refuse(() => parseOcspResponse(bytes));
    refuse(() => parseOcspResponse(bytes.subarray(0, cut)));
    refuse(() => parseResponseData(bytes.subarray(0, tbs.length)));
  }), { numRuns: 5000 });
});

t.test('an answer of another program, about many certificates', { skip: missing('pyca/x509/ocsp') }, async (t) => {
  const { status, basic } = parseOcspResponse(corpusFile('pyca/x509/ocsp/ocsp-army.deps.mil-resp.der'));
  t.equal(status, 'successful');
  t.ok((basic?.responses.length ?? 0) > 1);
  for (const { certStatus, thisUpdate, nextUpdate } of basic?.responses ?? []) t.ok(['good', 'revoked'].includes(certStatus.status) && Number(nextUpdate) > thisUpdate);
});
