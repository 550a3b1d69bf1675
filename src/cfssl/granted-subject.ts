import type { AskedSubject } from '../issuance/input.ts';
import { parseCertificationRequest } from '../x509/csr.ts';
import type { DistinguishedName } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { OID } from '../x509/oids.ts';
import { violation } from './refusal.ts';
import type { SignRequest } from './sign-request.ts';

/** Subject attributes that a certificate may contain besides the common name: exact values, or `*` for any. */
export interface GrantedSubject {
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
}

/**
 * The requested subject: that of the call overrides the CSR's, as in cfssl. An organization that is not granted is ignored in a CSR, where
 * `cfssl genkey` writes whatever is in its file; in the call itself it is refused, as are other attributes.
 * @throws CfsslRefusal
 */
export function subjectFor({ csr, subject }: SignRequest, granted: GrantedSubject): AskedSubject | undefined {
  if (subject === undefined) return takenFrom(csr, granted);
  const [names, ...more] = subject.names;
  if (more.length > 0) throw violation('Policy violation request: a subject has one set of names here.');
  const { O: organization = '', OU: organizationalUnit = '', SerialNumber = '', ...others } = names ?? {};
  const other = Object.entries({ ...others, SerialNumber: SerialNumber || subject.SerialNumber }).filter(([, value]) => value !== '').map(([name]) => name);
  if (other.length > 0) throw violation(`Policy violation request: ${other.join(', ')} of a subject is not granted; CN, O and OU may be.`);
  if (organization !== '' && !isGranted(granted.organizations, organization)) throw violation(`Policy violation request: the organization ${JSON.stringify(organization)} is not granted.`);
  if (organizationalUnit !== '' && !isGranted(granted.organizationalUnits, organizationalUnit)) {
    throw violation(`Policy violation request: the organizational unit ${JSON.stringify(organizationalUnit)} is not granted.`);
  }
  return parts(subject.CN, organization, organizationalUnit);
}

function takenFrom(der: Uint8Array, { organizations, organizationalUnits }: GrantedSubject): AskedSubject | undefined {
  if (organizations.length + organizationalUnits.length === 0) return undefined;
  const subject = subjectOfCsr(der);
  const granted = (type: string, list: readonly string[]): string => {
    const value = subject.find((attribute) => attribute.type === type)?.value ?? '';
    return isGranted(list, value) ? value : '';
  };
  return parts('', granted(OID.organizationName, organizations), granted(OID.organizationalUnitName, organizationalUnits));
}

const isGranted = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);

/** Empty if the CSR is malformed, which the issuance cycle reports. */
function subjectOfCsr(der: Uint8Array): DistinguishedName {
  try {
    return parseCertificationRequest(der).subject;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return [];
  }
}

function parts(commonName: string, organization: string, organizationalUnit: string): AskedSubject | undefined {
  const given = Object.entries({ commonName, organization, organizationalUnit }).filter(([, value]) => value !== '');
  return given.length === 0 ? undefined : Object.fromEntries(given);
}
