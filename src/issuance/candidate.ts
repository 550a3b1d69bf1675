import type { Grant } from '../policy/grant.ts';
import type { Candidate } from '../policy/eligibility.ts';
import type { Name } from '../policy/name-pattern.ts';
import type { Profile } from '../policy/profile.ts';
import type { CertificationRequest } from '../x509/csr.ts';
import { X509Error } from '../x509/errors.ts';
import { nameToText, textToName } from '../x509/general-name.ts';
import type { IssueInput } from './input.ts';

export interface Asked {
  readonly csr: CertificationRequest;
  readonly profile: Profile;
  readonly grant: Grant;
  /** Names given alongside the CSR. */
  readonly names: readonly string[] | undefined;
  readonly namesReplace?: boolean | undefined;
  readonly usagesLeftOut?: boolean | undefined;
  readonly subject?: IssueInput['subject'];
  readonly validity: number | undefined;
  readonly life?: IssueInput['life'];
}

/** A candidate together with the common name its certificate would have. */
export interface NamedCandidate extends Candidate {
  readonly commonName: string | undefined;
  /** Present only if they differ from the profile's. */
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  /** Present only if exact dates were requested. */
  readonly life?: IssueInput['life'];
}

const COMMON_NAME_MOST = 64;

/** Builds the candidate. Its names are reconciled between the CSR, the call and the profile's common name rule. */
export function candidateFrom({ csr, profile, grant, names: texts, namesReplace = false, usagesLeftOut, subject, validity, life }: Asked): NamedCandidate {
  const faults: string[] = [];
  const settled = { profile, publicKey: csr.publicKey, extensions: csr.extensions, usagesLeftOut, validity, grant, ...organizationOf(subject) };
  const bare = texts === undefined && csr.names.length === 0 && csr.commonName === undefined;
  // A renewal whose CSR only proves possession of the new key: the names are those of the certificate presented.
  if (bare && grant.renewal !== undefined) return { ...settled, nameFaults: [], ...grant.renewal };
  const names = namesAsked(csr.names, { texts, replace: namesReplace }, faults);
  const commonName = settleCommonName(subject?.commonName ?? csr.commonName, profile, names, faults);
  return { ...settled, names, nameFaults: faults, commonName, life };
}

const organizationOf = ({ organization, organizationalUnit }: NonNullable<IssueInput['subject']> = {}): Pick<NamedCandidate, 'organization' | 'organizationalUnit'> =>
  ({ ...(organization === undefined ? {} : { organization }), ...(organizationalUnit === undefined ? {} : { organizationalUnit }) });

/** The CSR's names, or those given alongside it. If both are present they must agree, unless `replace` is set. */
function namesAsked(inRequest: CertificationRequest['names'], { texts, replace }: { readonly texts: readonly string[] | undefined; readonly replace: boolean }, faults: string[]): Name[] {
  if (texts === undefined) return [...inRequest];
  const given: Name[] = [];
  for (const text of texts) {
    try {
      const name = textToName(text);
      if (!given.some((other) => other.kind === name.kind && other.value === name.value)) given.push(name);
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      faults.push(`${JSON.stringify(text.slice(0, 256))}: ${error.detail}`);
    }
  }
  if (inRequest.length > 0 && !replace && faults.length === 0) {
    const inCsr = new Set(inRequest.map(nameToText));
    const differing = [...given.map(({ value }) => value).filter((value) => !inCsr.delete(value)), ...inCsr];
    if (differing.length > 0) faults.push(`"names" and the CSR differ in ${differing.map((value) => JSON.stringify(value)).join(', ')}; expected the same names, or names in one of the two`);
  }
  return given;
}

/**
 * Settles the common name according to the profile's rule. It must repeat one of the names (BR 7.1.4.2.2), unless the profile allows
 * free text, which then counts as a name of its own and is checked like one.
 */
function settleCommonName(asked: string | undefined, profile: Profile, names: Name[], faults: string[]): string | undefined {
  const rule = profile.subject.commonName;
  if (rule === 'none') return undefined;
  if (asked === undefined || rule === 'first-name') {
    const first = names.find((name) => name.kind === 'dns' || name.kind === 'ip' || (profile.commonNameOnly && name.kind === 'email'))?.value;
    const wanted = rule === 'first-name' || profile.commonNameOnly;
    return wanted && first !== undefined && first.length <= COMMON_NAME_MOST ? first : undefined;
  }
  if (asked.length > COMMON_NAME_MOST) {
    faults.push(`the common name has ${asked.length} characters; at most ${COMMON_NAME_MOST} (RFC 5280, ub-common-name)`);
    return undefined;
  }
  const repeated = names.find((name) => (name.kind === 'dns' ? name.value === asked.toLowerCase() : name.value === asked));
  if (repeated !== undefined) return repeated.value;
  if (profile.commonNameOnly) {
    names.unshift({ kind: 'text', value: asked });
    return asked;
  }
  if (names.length === 0 && faults.length === 0) return commonNameAsName(asked, names, faults);
  faults.push(`the common name ${JSON.stringify(asked)} is not among the subject alternative names`);
  return undefined;
}

/** Legacy clients put their only host name in the common name: it becomes the subject alternative name. */
function commonNameAsName(asked: string, names: Name[], faults: string[]): string | undefined {
  try {
    const name = textToName(asked);
    if (name.kind === 'dns') {
      names.push(name);
      return name.value;
    }
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
  }
  faults.push(`the CSR has no subject alternative name, and its common name ${JSON.stringify(asked)} is not a host name`);
  return undefined;
}
