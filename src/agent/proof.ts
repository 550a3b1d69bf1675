import { certificationRequest } from '../authority/keys/certification-request.ts';
import { OID } from '../x509/oids.ts';
import { encodePem } from '../x509/pem.ts';
import { readKeyPair } from './key.ts';

/** A CSR (PEM) that proves possession of the certificate's key, for revoking the certificate. Throws Failure `file`. */
export const proofOfCompromise = (keyFile: string, serial: string): string =>
  encodePem('CERTIFICATE REQUEST', certificationRequest(readKeyPair(keyFile), [{ type: OID.commonName, value: `chancery revoke ${serial}` }], []));
