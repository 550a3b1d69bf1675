/** Approval by n of m operators: whose approvals count, and how many are missing. */

export interface Approvals {
  readonly needed: number;
  /** Names of the operators whose approval counts; if absent, everyone with scope approve. */
  readonly operators?: readonly string[];
  /** Those who made the request possible, as `kind:name`: they count as the requester. */
  readonly askers: readonly string[];
  /** Those who have approved, as `kind:name`. */
  readonly given: readonly string[];
}

/**
 * The person behind an identity, as far as can be told. For operators this is the name in the certificate or of the API key, so that a renewed
 * certificate or a second key with the same name is not a second person. For everyone else, it is the identity itself.
 */
export function personOf(identity: string): string {
  const [, name] = /^(?:client-certificate|api-key):(.*)#[^#]*$/s.exec(identity) ?? [];
  return name ?? identity;
}

/** Explains why an operator's approval would not count; undefined if it does. */
export function approvalFault(approvals: Approvals, operator: string): { readonly code: 'approval-own' | 'approval-not-listed' | 'approval-already'; readonly detail: string } | undefined {
  const { operators, askers, given } = approvals;
  const person = personOf(operator);
  const expected = whoMay(approvals);
  if (askers.some((asker) => personOf(asker) === person)) {
    return { code: 'approval-own', detail: `${person} requested it, or created the token with which it was requested; ${expected}` };
  }
  if (operators !== undefined && !operators.includes(person)) {
    return { code: 'approval-not-listed', detail: `approvals of ${person} do not count here; ${expected}` };
  }
  if (given.some((before) => personOf(before) === person)) return { code: 'approval-already', detail: `${person} has already approved it; ${expected}` };
  return undefined;
}

/** Whose approvals would count, and how many are missing, in words. */
function whoMay({ needed, operators, askers, given }: Approvals): string {
  const excluded = new Set([...askers, ...given].map(personOf));
  const left = operators?.filter((name) => !excluded.has(name));
  const missing = needed === 1 ? '' : `, ${needed - given.length} of ${needed} missing`;
  if (left?.length === 0) return `none of ${operators?.join(', ')} is left who may${missing}`;
  return `expected ${left === undefined ? 'another operator' : `one of ${left.join(', ')}`}${missing}`;
}

/** The approvals that are still missing, in words. */
export function approvalsMissing({ needed, given, operators }: { readonly needed: number; readonly given: number; readonly operators?: readonly string[] | undefined }): string {
  const left = needed - given;
  const of = operators === undefined ? '' : ` among ${operators.join(', ')}`;
  if (needed === 1) return `an operator's approval${operators === undefined ? '' : ` (one${of})`}`;
  return `${left} ${given > 0 ? 'more ' : ''}operator${left === 1 ? '' : 's'}${of} to approve it (${given} of ${needed})`;
}
