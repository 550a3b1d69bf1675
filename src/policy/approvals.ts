/** Approval by n of m operators: who counts, and what is still missing. */

export interface Approvals {
  readonly needed: number;
  /** Names of the operators who count; all with scope approve where absent. */
  readonly operators?: readonly string[];
  /** Who made it possible to ask, as `kind:name`: they count as the requester. */
  readonly askers: readonly string[];
  /** Who has approved, as `kind:name`. */
  readonly given: readonly string[];
}

/**
 * The person behind an identity, as far as it tells: of operators the name in their certificate or of their API key, so that a renewed
 * certificate, or a second key of the same name, is no second person. Of others, the identity itself.
 */
export function personOf(identity: string): string {
  const [, name] = /^(?:client-certificate|api-key):(.*)#[^#]*$/s.exec(identity) ?? [];
  return name ?? identity;
}

/** Why an operator's approval would not count, in words; undefined where it does. `already`: it was given before. */
export function approvalFault(approvals: Approvals, operator: string): { readonly code: 'approval-own' | 'approval-not-listed' | 'approval-already'; readonly detail: string } | undefined {
  const { operators, askers, given } = approvals;
  const person = personOf(operator);
  const expected = whoMay(approvals);
  if (askers.some((asker) => personOf(asker) === person)) {
    return { code: 'approval-own', detail: `${person} asked for it, or made the token by which it was asked for; ${expected}` };
  }
  if (operators !== undefined && !operators.includes(person)) {
    return { code: 'approval-not-listed', detail: `approvals of ${person} do not count here; ${expected}` };
  }
  if (given.some((before) => personOf(before) === person)) return { code: 'approval-already', detail: `${person} has approved it before; ${expected}` };
  return undefined;
}

/** Whose approvals would count, and how many are missing. */
function whoMay({ needed, operators, askers, given }: Approvals): string {
  const excluded = new Set([...askers, ...given].map(personOf));
  const left = operators?.filter((name) => !excluded.has(name));
  const missing = needed === 1 ? '' : `, ${needed - given.length} of ${needed} missing`;
  if (left?.length === 0) return `none of ${operators?.join(', ')} is left who may${missing}`;
  return `expected ${left === undefined ? 'another operator' : `one of ${left.join(', ')}`}${missing}`;
}

/** What is still missing, in words. */
export function approvalsMissing({ needed, given, operators }: { readonly needed: number; readonly given: number; readonly operators?: readonly string[] | undefined }): string {
  const left = needed - given;
  const of = operators === undefined ? '' : ` among ${operators.join(', ')}`;
  if (needed === 1) return `an operator's approval${operators === undefined ? '' : ` (one${of})`}`;
  return `${left} ${given > 0 ? 'more ' : ''}operator${left === 1 ? '' : 's'}${of} to approve it (${given} of ${needed})`;
}
