import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openssl } from '../helpers/openssl.ts';

/** A CA that somebody else runs, with OpenSSL. */
export interface OutsideCa {
  readonly key: string;
  readonly certificate: string;
  readonly pem: string;
}

const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid:always'];

/** The extensions of a CA certificate; those given take the place of the usual ones of the same name, and `name=` leaves one out. */
export function caExtensions(...changes: readonly string[]): string[] {
  const nameOf = (line: string): string => line.slice(0, line.indexOf('='));
  const changed = new Set(changes.map(nameOf));
  return [...CA.filter((line) => !changed.has(nameOf(line))), ...changes.filter((line) => !line.endsWith('='))];
}

/** A root in `folder`; 30 days from now. */
export function outsideRoot(folder: string, name: string, { extensions = [], algorithm = 'EC' }: RootOptions = {}): OutsideCa {
  const files = { key: join(folder, `${name}.key`), certificate: join(folder, `${name}.pem`) };
  const parameters = { EC: ['-pkeyopt', 'ec_paramgen_curve:P-256'], RSA: ['-pkeyopt', 'rsa_keygen_bits:2048'], ED25519: [] };
  openssl('genpkey', '-algorithm', algorithm, ...parameters[algorithm], '-out', files.key);
  const added = caExtensions(...extensions).filter((line) => !line.startsWith('authorityKeyIdentifier')).flatMap((line) => ['-addext', line]);
  openssl('req', '-x509', '-config', emptyConfig(folder), '-key', files.key, '-subj', `/O=Outside/CN=${name}`, '-days', '30', ...added, '-out', files.certificate);
  return { ...files, pem: readFileSync(files.certificate, 'latin1') };
}

export interface RootOptions {
  readonly extensions?: readonly string[];
  readonly algorithm?: 'EC' | 'RSA' | 'ED25519';
}

/** Signs a CSR; 20 days from now unless told. @returns PEM */
export function outsideSign(folder: string, ca: OutsideCa, csr: string, { extensions = [], days = 20, more = [] }: SignOptions = {}): string {
  const file = join(folder, 'extensions.cnf');
  writeFileSync(file, `${caExtensions(...extensions).join('\n')}\n`);
  return openssl('x509', '-req', '-in', csr, '-CA', ca.certificate, '-CAkey', ca.key, '-days', String(days), '-extfile', file, '-set_serial', `0x${serial()}`, ...more);
}

export interface SignOptions {
  readonly extensions?: readonly string[];
  readonly days?: number;
  readonly more?: readonly string[];
}

/** An intermediate CA under another. */
export function outsideIntermediate(folder: string, above: OutsideCa, name: string, options: SignOptions = {}): OutsideCa {
  const files = { key: join(folder, `${name}.key`), certificate: join(folder, `${name}.pem`) };
  const csr = join(folder, `${name}.csr`);
  openssl(
    'req', '-new', '-config', emptyConfig(folder), '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key,
    '-subj', `/O=Outside/CN=${name}`, '-out', csr,
  );
  const pem = outsideSign(folder, above, csr, options);
  writeFileSync(files.certificate, pem);
  return { ...files, pem };
}

/** PKCS#7 without a signature, as CAs give chains out. */
export function pkcs7(folder: string, pems: readonly string[], form: 'DER' | 'PEM'): Buffer {
  const [input, output] = [join(folder, 'bundle.pem'), join(folder, 'bundle.p7b')];
  writeFileSync(input, pems.join(''));
  openssl('crl2pkcs7', '-nocrl', '-certfile', input, '-outform', form, '-out', output);
  return readFileSync(output);
}

let serials = 0x1000;
const serial = (): string => (serials++).toString(16);

/** So that this machine's own openssl.cnf adds nothing. */
function emptyConfig(folder: string): string {
  const file = join(folder, 'empty.cnf');
  writeFileSync(file, '[req]\ndistinguished_name=dn\n[dn]\n');
  return file;
}
