import { sha256 } from '../../digest.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { distinguishedNameToText } from '../../x509/distinguished-name.ts';
import { OID } from '../../x509/oids.ts';
import { attributesOf, type Attested } from './attestor.ts';
import { certificateNames } from '../../x509/extensions.ts';

/** The attributes that a trusted certificate states about its holder. `how`: what else was proved. */
export function attestedBy(leaf: Certificate, path: readonly Certificate[], how: string): Attested {
  const names = certificateNames(leaf.extensions);
  const ofKind = (kind: string): string[] => names.filter((name) => name.kind === kind).map(({ value }) => value);
  const ofType = (type: string): string[] => leaf.subjectName.filter((attribute) => attribute.type === type).map(({ value }) => value);
  const fingerprint = sha256(leaf.der);
  const anchor = path.at(-1) as Certificate;
  const subject = distinguishedNameToText(leaf.subjectName);
  const attributes = attributesOf({
    commonName: ofType(OID.commonName), organization: ofType(OID.organizationName), organizationalUnit: ofType(OID.organizationalUnitName),
    dns: ofKind('dns'), ip: ofKind('ip'), email: ofKind('email'), uri: ofKind('uri'),
    serial: leaf.serial, issuer: distinguishedNameToText(leaf.issuerName), fingerprint, anchor: sha256(anchor.der),
  });
  return {
    // Two certificates may have the same subject without having the same holder.
    name: `${names[0]?.value ?? subject}#${fingerprint.slice(0, 32)}`,
    attributes,
    proof: `certificate "${subject}" (serial ${leaf.serial}), trusted by way of "${distinguishedNameToText(anchor.subjectName)}"; ${how}`,
  };
}
