import { excerpt } from '../../outgoing/excerpt.ts';
import type { CaaRecord, Resolver } from '../../outgoing/resolver.ts';
import { parameterValues, parseIssueValue } from './issue-value.ts';
import type { ValidationRequest } from './validator.ts';

/** Concurrent queries per name; most names have fewer labels. */
const AT_ONCE = 8;

/** Known tags, on which a critical flag does no harm (RFC 8659 4.1): they do not concern server certificates. */
const HARMLESS = ['iodef', 'issuemail', 'issuevmc', 'contactemail', 'contactphone'];

export interface RelevantRecords {
  /** The name at which they were found. */
  readonly at: string;
  readonly records: readonly CaaRecord[];
}

/**
 * The Relevant Resource Record Set (RFC 8659 3): that of the name, or of its closest ancestor that has one. Undefined if there is none up to the
 * top-level domain. Throws CallFailed if a lookup that might have found one fails: no answer is no permission.
 */
export async function relevantRecords(resolver: Pick<Resolver, 'caa'>, name: string, signal: AbortSignal): Promise<RelevantRecords | undefined> {
  const labels = name.split('.');
  const climb = labels.map((_, i) => labels.slice(i).join('.'));
  while (climb.length > 0) {
    const names = climb.splice(0, AT_ONCE);
    const answers = await Promise.allSettled(names.map((each) => resolver.caa(each, signal)));
    for (const [i, answer] of answers.entries()) {
      if (answer.status === 'rejected') throw answer.reason;
      if (answer.value.length > 0) return { at: names[i]!, records: answer.value };
    }
  }
  return undefined;
}

type Asking = Pick<ValidationRequest, 'type' | 'wildcard' | 'accountUri'>;

/** Explains why the records forbid issuance by any of `identities`; undefined if they permit it (RFC 8659 4.2, 4.3; RFC 8657). */
export function forbidden({ at, records }: RelevantRecords, asking: Asking, identities: readonly string[]): string | undefined {
  const issue = records.filter(({ tag }) => tag === 'issue');
  const wild = records.filter(({ tag }) => tag === 'issuewild');
  const unknown = records.find(({ critical, tag }) => critical && tag !== 'issue' && tag !== 'issuewild' && !HARMLESS.includes(tag));
  if (unknown !== undefined) return `a CAA record of ${at} is critical and has the unknown tag ${excerpt(unknown.tag)}`;
  const [tag, deciding] = asking.wildcard && wild.length > 0 ? ['issuewild', wild] as const : ['issue', issue] as const;
  // RFC 8659 4.2: records with other tags do not restrict issuance.
  if (deciding.length === 0) return undefined;
  const faults = deciding.map(({ value }) => faultOf(value, asking, identities));
  if (faults.includes(undefined)) return undefined;
  const told = [...new Set(faults)].slice(0, 3).join('; ');
  return `the CAA records (${tag}) of ${at} do not permit it: ${told}`;
}

/** Why a single record does not permit issuance by us. */
function faultOf(text: string, { type, accountUri }: Asking, identities: readonly string[]): string | undefined {
  const value = parseIssueValue(text);
  if (value === undefined) return `${excerpt(text)} is malformed`;
  if (value.issuer === '') return 'nobody may issue';
  if (!identities.includes(value.issuer)) return `${excerpt(value.issuer)} is another authority`;
  // RFC 8657 3: a repeated parameter makes the record unsatisfiable.
  const accounts = parameterValues(value, 'accounturi');
  if (accounts.length > 1 || accounts.some((uri) => uri !== accountUri)) return 'accounturi names another account';
  // RFC 8657 4.
  const methods = parameterValues(value, 'validationmethods');
  if (methods.length > 1 || methods.some((list) => !list.split(',').includes(type))) return `validationmethods does not name ${type}`;
  return undefined;
}
