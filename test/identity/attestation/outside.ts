import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate, type Certificate } from '../../../src/x509/certificate.ts';
import { decodePem } from '../../../src/x509/pem.ts';
import { type OutsideCa, outsideSign, type SignOptions } from '../../authority/openssl-ca.ts';
import { openssl } from '../../helpers/openssl.ts';

/** A node's certificate of another CA, made with OpenSSL. */
export interface OutsideNode {
  readonly key: string;
  readonly certificate: string;
  readonly pem: string;
}

/** Its extensions, without the subject alternative name. */
export const LEAF = ['basicConstraints=', 'keyUsage=critical,digitalSignature', 'extendedKeyUsage=clientAuth'] as const;

let made = 0;

export interface NodeOptions extends SignOptions {
  readonly subject?: string;
  readonly key?: readonly string[];
}

/** Signed by the CA with exactly these extensions beside those of `caExtensions` that are not changed. */
export function outsideNode(folder: string, ca: OutsideCa, { subject = '/O=Outside/CN=node', key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], extensions = [...LEAF, 'subjectAltName=DNS:node1.example.com,IP:10.0.0.7'], ...options }: NodeOptions = {}): OutsideNode {
  const name = join(folder, `node${made++}`);
  openssl('req', '-new', '-newkey', ...key, '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
  const pem = outsideSign(folder, ca, `${name}.csr`, { extensions, ...options });
  writeFileSync(`${name}.pem`, pem);
  return { key: `${name}.key`, certificate: `${name}.pem`, pem };
}

export const read = (pem: string): Certificate[] => decodePem(pem, 'CERTIFICATE').map(parseCertificate);
export const ders = (...pems: readonly string[]): Uint8Array[] => pems.flatMap((pem) => decodePem(pem, 'CERTIFICATE'));

/** A full CRL of the CA that lists these certificates. @returns the file's name, PEM */
export function outsideCrl(folder: string, ca: OutsideCa, revoked: readonly OutsideNode[], { days = 5, extra = '' } = {}): string {
  const name = join(folder, `crl${made++}`);
  writeFileSync(`${name}.index`, '');
  writeFileSync(`${name}.number`, '1000\n');
  writeFileSync(`${name}.cnf`, `[ca]\ndefault_ca=d\n[d]\ndatabase=${name}.index\ncrlnumber=${name}.number\ndefault_md=sha256\n[e]\nauthorityKeyIdentifier=keyid\n${extra}\n`);
  const run = (...more: readonly string[]): string => openssl('ca', '-config', `${name}.cnf`, '-keyfile', ca.key, '-cert', ca.certificate, ...more);
  for (const { certificate } of revoked) run('-revoke', certificate);
  run('-gencrl', '-crlexts', 'e', '-crldays', String(days), '-out', `${name}.pem`);
  return `${name}.pem`;
}

export const text = (file: string): string => readFileSync(file, 'utf8');
