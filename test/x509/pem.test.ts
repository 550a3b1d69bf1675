import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { decodeBase64, decodePem, encodePem, pemOrDerOrBase64 } from '../../src/x509/pem.ts';
import { codeOf, hex, toHex } from './assert.ts';
import { corpusArchive, missing } from './corpora.ts';
import { makeCsr } from './make-csr.ts';

const LABEL = 'CERTIFICATE REQUEST';
const DER = makeCsr();
const PEM = encodePem(LABEL, DER);
const BASE64 = Buffer.from(DER).toString('base64');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

t.test('PEM is the text that OpenSSL writes', async (t) => {
  t.equal(PEM, execFileSync('openssl', ['req', '-inform', 'DER', '-outform', 'PEM'], { input: DER }).toString());
});

t.test('PEM read is the DER written', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (der) => {
    t.equal(toHex(decodePem(encodePem('X', der), 'X')[0]!), toHex(der));
  }));
  t.equal(decodePem(PEM.repeat(3), LABEL).length, 3);
  t.equal(decodePem(`subject=CN = x\nissuer=CN = y\n${PEM}\n# the next\n${PEM}trailer`, LABEL).length, 2, 'text around the blocks is passed over');
});

t.test('a CSR is taken in every form that people send', async (t) => {
  const forms: Readonly<Record<string, Uint8Array>> = {
    DER,
    PEM: bytes(PEM),
    'PEM with CRLF': bytes(PEM.replaceAll('\n', '\r\n')),
    'PEM without last line feed': bytes(PEM.trimEnd()),
    'PEM in lines of 76': bytes(`-----BEGIN ${LABEL}-----\n${BASE64.replace(/.{76}/g, '$&\n')}\n-----END ${LABEL}-----`),
    'PEM with the old label': bytes(PEM.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')),
    'PEM in one line': bytes(`-----BEGIN ${LABEL}-----\n${BASE64}\n-----END ${LABEL}-----\n`),
    'PEM behind the mark of UTF-8': Buffer.from(`\ufeff${PEM}`, 'utf8'),
    'PEM in UTF-16': Buffer.from(PEM, 'utf16le'),
    'PEM in UTF-16 behind its mark': Buffer.from(`\ufeff${PEM}`, 'utf16le'),
    'base64 in UTF-16': Buffer.from(`${BASE64}\r\n`, 'utf16le'),
    'PEM behind text': bytes(`Certificate Request:\n    Data:\n${PEM}`),
    base64: bytes(BASE64),
    'base64 in lines': bytes(`${BASE64.replace(/.{64}/g, '$&\r\n')}\r\n`),
  };
  for (const [form, sent] of Object.entries(forms)) t.equal(toHex(pemOrDerOrBase64(sent, LABEL)), toHex(DER), form);
});

t.test('what is none of these is refused', async (t) => {
  const lines = PEM.split('\n');
  const cases: readonly [string, string, X509ErrorCode][] = [
    ['nothing', '', 'truncated'],
    ['blanks', ' \r\n', 'bad-base64'],
    ['another label', encodePem('CERTIFICATE', DER), 'bad-pem'],
    ['a key', encodePem('PRIVATE KEY', DER), 'bad-pem'],
    ['two blocks', PEM + PEM, 'bad-pem'],
    ['no end', lines.slice(0, -2).join('\n'), 'bad-pem'],
    ['cut within the base64', PEM.slice(0, 100), 'bad-pem'],
    ['an end alone', `-----BEGIN\n-----END ${LABEL}-----\n`, 'bad-pem'],
    ['another end', PEM.replace('END CERTIFICATE REQUEST', 'END CERTIFICATE'), 'bad-pem'],
    ['a block in a block', PEM.replace(/\n/, `\n${lines[0]}\n`), 'bad-pem'],
    ['a header in the block', PEM.replace(/\n/, '\nProc-Type: 4,ENCRYPTED\n\n'), 'bad-base64'],
    ['an empty block', `-----BEGIN ${LABEL}-----\n-----END ${LABEL}-----\n`, 'bad-base64'],
    ['no base64', PEM.replace(/\n..../, '\n$$$$$$$$'), 'bad-base64'],
    ['padding within', PEM.replace(/\n..../, '\nMA=='), 'bad-base64'],
    ['base64url', BASE64.replaceAll('+', '-').replaceAll('/', '_') + '-_-_', 'bad-base64'],
    ['base64 without its padding', 'MAAwMA', 'bad-base64'],
    ['base64 with other bits in its padding', 'MAB=', 'bad-base64'],
    ['JSON', '{"csr": "x"}', 'bad-base64'],
    ['a megabyte', 'A'.repeat(1024 * 1024 + 1), 'too-large'],
  ];
  for (const [what, text, code] of cases) t.equal(codeOf(() => pemOrDerOrBase64(bytes(text), LABEL)), code, what);
  t.equal(codeOf(() => decodePem('A'.repeat(1024 * 1024 + 1), LABEL)), 'too-large');
  t.equal(codeOf(() => decodePem(encodePem(LABEL, hex('3000')).repeat(257), LABEL)), 'bad-pem');
  t.equal(codeOf(() => decodePem('', LABEL)), 'bad-pem');
});

t.test('PEM whose line breaks were lost, as by curl --data, is told so', async (t) => {
  t.throws(() => pemOrDerOrBase64(bytes(PEM.replaceAll('\n', '')), LABEL), { code: 'bad-pem', message: /line 1 continues after its BEGIN; a line break was expected there .*--data-binary/ });
});

t.test('any bytes are refused or taken, never worse', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(PEM.length), (noise, at) => {
    codeOf(() => pemOrDerOrBase64(noise, LABEL));
    codeOf(() => pemOrDerOrBase64(Buffer.concat([bytes(PEM.slice(0, at)), noise, bytes(PEM.slice(at))]), LABEL));
  }), { numRuns: 1000 });
  fc.assert(fc.property(fc.string(), (text) => {
    if (codeOf(() => decodeBase64(text)) === 'ok') t.equal(Buffer.from(text, 'base64').toString('base64'), text);
  }));
});

t.test('the PEM corpus of OpenSSL is read without a crash', { skip: missing('openssl-fuzz/pem.tar.gz') }, async (t) => {
  let count = 0;
  for (const { bytes: file } of corpusArchive('openssl-fuzz/pem.tar.gz')) {
    codeOf(() => pemOrDerOrBase64(file, LABEL));
    codeOf(() => decodePem(Buffer.from(file).toString('latin1'), 'CERTIFICATE'));
    count++;
  }
  t.ok(count > 20);
});
