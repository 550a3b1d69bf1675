import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { assembleCertificate, encodeTbsCertificate } from '../../../src/x509/certificate.ts';
import { octetString, sequence, oid } from '../../../src/x509/der/writer.ts';
import { encodeDistinguishedName } from '../../../src/x509/distinguished-name.ts';
import { encodeExtension } from '../../../src/x509/extension.ts';
import { subjectAltName } from '../../../src/x509/extensions.ts';
import { textToName } from '../../../src/x509/general-name.ts';
import { OID } from '../../../src/x509/oids.ts';
import { encodePem } from '../../../src/x509/pem.ts';

export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
}

export interface Wanted {
  readonly names?: readonly string[];
  /** Of the acmeIdentifier; none where undefined. */
  readonly digest?: Uint8Array;
  readonly critical?: boolean;
  /** In place of the OCTET STRING. */
  readonly value?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  /** Signs with another key than its own. */
  readonly foreign?: boolean;
  readonly issuer?: string;
  /** Seconds since the epoch. */
  readonly notAfter?: number;
}

/** A certificate as a client makes it for tls-alpn-01, or almost. */
export function selfSigned({ names = [], digest, critical = true, value, extensions = [], foreign = false, issuer, notAfter = 2_000_000_000 }: Wanted): SelfSigned {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer: KeyObject = foreign ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : own.privateKey;
  const name = (text: string): Uint8Array => encodeDistinguishedName([{ type: OID.commonName, value: text }]);
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const content = value ?? (digest === undefined ? undefined : octetString(digest));
  const tbs = encodeTbsCertificate({
    serial: '0102030405060708', signatureAlgorithm: algorithm, issuer: name(issuer ?? 'validation'), subject: name('validation'), notBefore: 1_500_000_000, notAfter,
    publicKey: own.publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [
      ...(names.length === 0 ? [] : [subjectAltName(names.map(textToName), false)]),
      ...(content === undefined ? [] : [encodeExtension({ oid: OID.acmeIdentifier, critical, value: content })]),
      ...extensions,
    ],
  });
  const cert = encodePem('CERTIFICATE', assembleCertificate(tbs, algorithm, sign('sha256', tbs, signer)));
  return { cert, key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}
