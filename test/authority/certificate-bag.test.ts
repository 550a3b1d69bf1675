import t from 'tap';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { readCertificateBag } from '../../src/authority/certificate-bag.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { openssl } from '../helpers/openssl.ts';
import { refusalOf } from './assert.ts';
import { outsideRoot, pkcs7 } from './openssl-ca.ts';

const folder = temporaryFolder();
const cas = [outsideRoot(folder, 'one'), outsideRoot(folder, 'two')];
const pems = cas.map(({ pem }) => pem);
const ders = pems.map((pem) => Uint8Array.from(new X509Certificate(pem).raw));
const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/.{64}/g, '$&\n');
const read = (file: Uint8Array | string): Uint8Array[] => readCertificateBag(typeof file === 'string' ? Buffer.from(file) : file, 'the chain').map((der) => Uint8Array.from(der));

t.test('PEM, with any text around it, each certificate once', async (t) => {
  t.same(read(pems.join('')), ders);
  t.same(read(`Bag Attributes\r\n  friendlyName: x\r\n${pems.join('\nsubject=/CN=two\n').replaceAll('\n', '\r\n')}`), ders);
  t.same(read([...pems, ...pems].join('')), ders);
});

t.test('one DER certificate', async (t) => {
  t.same(read(ders[0] as Uint8Array), [ders[0]]);
});

t.test('PKCS#7: DER, PEM, and PEM that calls itself a certificate, as certutil does', async (t) => {
  const der = pkcs7(folder, pems, 'DER');
  t.same(read(der), ders);
  t.same(read(pkcs7(folder, pems, 'PEM')), ders);
  for (const label of ['CERTIFICATE', 'CMS']) t.same(read(`-----BEGIN ${label}-----\n${base64Of(der)}\n-----END ${label}-----\n`), ders, label);
});

t.test('PKCS#7 in BER, with lengths left open', async (t) => {
  const signer = cas[0];
  const output = join(folder, 'stream.p7b');
  // -stream writes indefinite lengths; the signer's certificate is in it.
  openssl('cms', '-sign', '-in', signer?.certificate ?? '', '-signer', signer?.certificate ?? '', '-inkey', signer?.key ?? '', '-outform', 'DER', '-stream', '-nodetach', '-out', output);
  const bytes = readFileSync(output);
  t.equal(bytes[1], 0x80, 'the length is open');
  t.same(read(bytes), [ders[0]]);
});

t.test('anything else is refused', async (t) => {
  const der = pkcs7(folder, pems, 'DER');
  const bad: Readonly<Record<string, Uint8Array | string>> = {
    'an empty file': '',
    'text': 'no certificate here',
    'a key': readFileSync(cas[0]?.key ?? ''),
    'a certificate with bytes after it': Buffer.concat([ders[0] as Uint8Array, Buffer.of(0)]),
    'a certificate that is cut': (ders[0] as Uint8Array).subarray(0, 100),
    'PKCS#7 of other content': Buffer.from(der.toString('hex').replace('2a864886f70d010702', '2a864886f70d010703'), 'hex'),
    'PKCS#7 without certificates': Buffer.from('3023 0609 2a864886f70d010702 a016 3014 020101 3100 300b 0609 2a864886f70d010701 3100'.replaceAll(' ', ''), 'hex'),
    'an OBJECT IDENTIFIER alone': Buffer.from('06032a0304', 'hex'),
    'indefinite lengths, 100,000 deep': Buffer.from('3080'.repeat(100_000) + '0000'.repeat(100_000), 'hex'),
    'SEQUENCEs, 10,000 deep': nested(10_000),
    'more than a megabyte': Buffer.alloc(1024 * 1024 + 1, 0x20),
  };
  for (const [what, file] of Object.entries(bad)) {
    const refusal = await refusalOf(() => read(file));
    t.equal(refusal?.code, 'import-unreadable', what);
  }
});

/** SEQUENCE in SEQUENCE, with right lengths. */
function nested(depth: number): Buffer {
  const headers: string[] = [];
  for (let length = 0, i = 0; i < depth; i += 1) {
    const hex = length.toString(16).padStart(6, '0');
    headers.push(length < 128 ? `30${hex.slice(4)}` : `3083${hex}`);
    length += length < 128 ? 2 : 5;
  }
  return Buffer.from(headers.reverse().join(''), 'hex');
}
