import { equalBytes } from '../../x509/der/writer.ts';
import { cheapKeyFaults } from '../key-strength.ts';
import type { CertificateSubject, Lint } from './lint.ts';
import { algorithmFault, issuerNameFault } from './signing.ts';

/** BR 7.1: serial numbers contain at least 64 bits from a CSPRNG. */
const LEAST_SERIAL_BITS = 64;

/** Which types an authority certifies is decided by the profile; this repeats the checks that apply to any key. */
const ANY_KEY = { keyTypes: ['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA'] };

/** Lints for serial number, algorithm, validity, names and key, beyond what the strict parser has checked. */
export const FIELD_LINTS: readonly Lint<CertificateSubject>[] = [
  {
    name: 'serial-positive',
    citation: 'RFC 5280 4.1.2.2',
    fault: ({ tbs }) => tbs.serial === '00' ? 'the serial number is zero' : undefined,
  },
  {
    name: 'serial-entropy',
    citation: 'BR 7.1',
    fault: ({ tbs }) => tbs.serial !== '00' && tbs.serial.length * 4 < LEAST_SERIAL_BITS ? `the serial number has ${tbs.serial.length * 4} bits; at least ${LEAST_SERIAL_BITS} are wanted` : undefined,
  },
  {
    name: 'signature-algorithm',
    citation: 'RFC 5280 4.1.1.2, BR 7.1.3.2',
    fault: ({ tbs, issuer }) => algorithmFault(tbs, issuer),
  },
  {
    name: 'issuer-name',
    citation: 'RFC 5280 4.1.2.4, 6.1.3 (a)(4)',
    fault: ({ tbs, issuer }) => issuerNameFault(tbs, issuer),
  },
  {
    name: 'validity-order',
    citation: 'RFC 5280 4.1.2.5',
    fault: ({ tbs }) => tbs.notBefore > tbs.notAfter ? `notBefore (${iso(tbs.notBefore)}) is after notAfter (${iso(tbs.notAfter)})` : undefined,
  },
  {
    name: 'validity-within-issuer',
    citation: 'RFC 5280 6.1.3 (a)(2)',
    fault: ({ tbs, issuer: { tbs: issuer } }) => tbs.notBefore < issuer.notBefore || tbs.notAfter > issuer.notAfter
      ? `the validity (${iso(tbs.notBefore)} to ${iso(tbs.notAfter)}) is not within the issuer's (${iso(issuer.notBefore)} to ${iso(issuer.notAfter)})`
      : undefined,
  },
  {
    name: 'subject-not-issuer',
    citation: 'RFC 5280 3.2, 6.1',
    fault: ({ tbs, isSelfSigned }) => !isSelfSigned && equalBytes(tbs.subject, tbs.issuer) ? "the subject is the issuer's own name: validators would take the certificate for the authority's" : undefined,
  },
  {
    name: 'subject-is-issuer',
    citation: 'RFC 5280 3.2',
    fault: ({ tbs, isSelfSigned }) => isSelfSigned && !equalBytes(tbs.subject, tbs.issuer) ? 'a self-signed certificate has its subject as issuer' : undefined,
  },
  {
    name: 'key-not-issuers',
    citation: 'BR 6.1.1.3',
    fault: ({ tbs, issuer, isSelfSigned }) => !isSelfSigned && equalBytes(tbs.publicKey.der, issuer.tbs.publicKey.der) ? "the public key is the issuer's own" : undefined,
  },
  {
    name: 'key-strength',
    citation: 'BR 6.1.5, 6.1.6',
    fault: ({ tbs }) => {
      const faults = cheapKeyFaults(tbs.publicKey, ANY_KEY);
      return faults.length === 0 ? undefined : faults.map(({ detail }) => detail).join('; ');
    },
  },
  {
    name: 'key-as-asked',
    citation: 'BR 3.2.1',
    fault: ({ tbs, asked }) => asked.publicKey !== undefined && !equalBytes(tbs.publicKey.der, asked.publicKey) ? 'the public key is not the one whose possession was proved' : undefined,
  },
];

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '');
