import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from '../../src/authority/authority.ts';
import { fileSigningKey } from '../../src/authority/keys/file.ts';
import { type OcspSigner, ocspSigner } from '../../src/revocation/ocsp-signer.ts';
import { assembleCertificate, type Certificate, encodeTbsCertificate, parseCertificate, type TbsFields } from '../../src/x509/certificate.ts';
import { encodeDistinguishedName } from '../../src/x509/distinguished-name.ts';
import { authorityKeyIdentifier, basicConstraints, extendedKeyUsage, keyUsage, ocspNoCheck } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';

/** A certificate for this key, issued by the authority with the given fields; without `key` its signature is invalid. */
export function certificateBy(authority: Authority, publicKey: Uint8Array, fields: Partial<TbsFields>, key?: KeyObject): Certificate {
  const tbs = encodeTbsCertificate({
    serial: '4242424242424242424242', signatureAlgorithm: authority.signatureAlgorithm.der, issuer: authority.certificate.subject,
    notBefore: authority.certificate.notBefore, notAfter: authority.certificate.notAfter, subject: encodeDistinguishedName([{ type: OID.commonName, value: 'test responder' }]), publicKey,
    extensions: responderExtensions(authority), ...fields,
  });
  const signature = key === undefined ? new Uint8Array(64) : sign(authority.signatureAlgorithm.hash, tbs, key);
  return parseCertificate(assembleCertificate(tbs, authority.signatureAlgorithm.der, signature));
}

/** The extensions of a responder certificate, as in the profile `ocsp`. */
export const responderExtensions = ({ subjectKeyId }: Pick<Authority, 'subjectKeyId'>): Uint8Array[] =>
  [keyUsage(['digitalSignature']), extendedKeyUsage([OID.OCSPSigning]), basicConstraints({ ca: false }), authorityKeyIdentifier(subjectKeyId), ocspNoCheck()];

/** A delegated responder authorized by the authority, whose key is in the data folder. */
export function delegatedSigner(data: string, authority: Authority, fields: Partial<TbsFields> = {}): OcspSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = createPrivateKey(readFileSync(join(data, 'authorities', authority.name, 'key.pem')));
  return ocspSigner(certificateBy(authority, new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })), fields, key), fileSigningKey(privateKey), 'key');
}
