import { commonNameOf } from '../../x509/distinguished-name.ts';
import { OID } from '../../x509/oids.ts';
import { constraintViolations } from '../name-constraints.ts';
import type { CertificateSubject, Lint } from './lint.ts';

const isServer = ({ values }: CertificateSubject): boolean => values.extendedKeyUsage?.includes(OID.serverAuth) === true;

/** Lints for the subject and its alternative names. The syntax of each kind of name has been checked by the strict parser. */
export const NAME_LINTS: readonly Lint<CertificateSubject>[] = [
  {
    name: 'subject-or-names',
    citation: 'RFC 5280 4.1.2.6',
    fault: ({ tbs, values }) => tbs.subjectName.length === 0 && values.subjectAltName === undefined ? 'there is neither a subject nor a subject alternative name' : undefined,
  },
  {
    name: 'authority-has-subject',
    citation: 'RFC 5280 4.1.2.6',
    fault: ({ tbs, values }) => values.basicConstraints?.ca === true && tbs.subjectName.length === 0 ? 'a CA certificate has a subject' : undefined,
  },
  {
    name: 'names-criticality',
    citation: 'RFC 5280 4.2.1.6, BR 7.1.2.7.12',
    fault: ({ tbs }) => {
      const extension = tbs.extensions.find(({ oid }) => oid === OID.subjectAltName);
      if (extension === undefined || extension.critical === (tbs.subjectName.length === 0)) return undefined;
      return extension.critical ? 'subjectAltName is critical although there is a subject' : 'subjectAltName is not critical although there is no subject';
    },
  },
  {
    name: 'server-names',
    citation: 'RFC 6125 6.4.4, BR 7.1.2.7.12',
    // The Baseline Requirements only know DNS names and addresses, but programs under a private CA also identify each other by URI (SPIFFE).
    fault: (subject) => isServer(subject) && subject.values.subjectAltName?.some(({ kind }) => kind !== 'email') !== true
      ? 'a server certificate has a DNS name, an IP address or a URI as subject alternative name' : undefined,
  },
  {
    name: 'server-common-name',
    citation: 'BR 7.1.4.3',
    fault: (subject) => {
      const commonName = isServer(subject) ? commonNameOf(subject.tbs.subjectName) : undefined;
      if (commonName === undefined || subject.values.subjectAltName?.some(({ value }) => value === commonName) === true) return undefined;
      return `the common name ${JSON.stringify(commonName)} is none of the subject alternative names`;
    },
  },
  {
    name: 'names-as-granted',
    citation: 'BR 3.2.2',
    fault: ({ values, asked }) => {
      if (asked.names === undefined) return undefined;
      const left = new Set(asked.names.map(({ kind, value }) => `${kind}:${value}`));
      const extra = (values.subjectAltName ?? []).filter(({ kind, value }) => !left.delete(`${kind}:${value}`));
      return extra.length + left.size === 0 ? undefined : `the names differ from those granted: ${[...extra.map(({ value }) => value), ...left].join(', ')}`;
    },
  },
  {
    name: 'issuer-name-constraints',
    citation: 'RFC 5280 4.2.1.10, 6.1.3 (b), (c)',
    fault: ({ values, issuer, isSelfSigned }) => {
      const constraints = issuer.values.nameConstraints;
      if (isSelfSigned || constraints === undefined) return undefined;
      const violations = constraintViolations(constraints, values.subjectAltName ?? []);
      return violations.length === 0 ? undefined : violations.join('; ');
    },
  },
  {
    name: 'name-constraints-need-authority',
    citation: 'RFC 5280 4.2.1.10',
    fault: ({ values }) => values.nameConstraints !== undefined && values.basicConstraints?.ca !== true ? 'nameConstraints is for CA certificates only' : undefined,
  },
];
