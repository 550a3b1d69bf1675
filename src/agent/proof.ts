import { certificationRequest } from '../authority/keys/certification-request.ts';
import { OID } from '../x509/oids.ts';
import { encodePem } from '../x509/pem.ts';
import { readKeyPair } from './key.ts';

/** A CSR (PEM) by which the service believes that we hold the certificate's key, and want it revoked. Throws Failure `file`. */
export const proofOfCompromise = (keyFile: string, serial: string): string =>
  encodePem('CERTIFICATE REQUEST', certificationRequest(readKeyPair(keyFile), [{ type: OID.commonName, value: `chancery revoke ${serial}` }], []));
