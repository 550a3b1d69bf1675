import type { Resolver } from '../../outgoing/resolver.ts';
import { parameterValues, parseIssueValue } from './issue-value.ts';
import { invalid, VALID } from './outcome.ts';
import type { ValidationOutcome, ValidationRequest } from './validator.ts';

/**
 * draft-ietf-acme-dns-persist: a persistent record states who may issue (as in CAA) for which account, optionally for wildcards, optionally until when.
 * `now` in seconds since the epoch.
 */
export async function validateDnsPersist01(
  resolver: Pick<Resolver, 'texts'>, identities: readonly string[], now: number, request: ValidationRequest, signal: AbortSignal,
): Promise<ValidationOutcome> {
  const name = `_validation-persist.${request.identifier.value}`;
  const texts = await resolver.texts(name, signal);
  if (texts.length === 0) return invalid('unauthorized', `${name} has no TXT record`, true);
  const faults = texts.map((text) => faultOf(text, identities, now, request));
  if (faults.includes(undefined)) return VALID;
  return invalid('unauthorized', `no TXT record of ${name} holds: ${[...new Set(faults)].slice(0, 3).join('; ')}`, true);
}

function faultOf(text: string, identities: readonly string[], now: number, { wildcard, accountUri }: ValidationRequest): string | undefined {
  const value = parseIssueValue(text);
  if (value === undefined) return 'it is malformed';
  if (!identities.includes(value.issuer)) return 'it names another authority';
  const accounts = parameterValues(value, 'accounturi');
  if (accounts.length !== 1 || accounts[0] !== accountUri) return 'it names another account, or none';
  const policies = parameterValues(value, 'policy');
  if (policies.length > 1) return 'it has two policies';
  if (wildcard && policies[0]?.toLowerCase() !== 'wildcard') return 'it does not allow wildcards';
  const ends = parameterValues(value, 'persistUntil');
  if (ends.length > 1 || ends.some((end) => !/^[0-9]{1,15}$/.test(end))) return 'its persistUntil is malformed';
  if (ends.some((end) => Number(end) < now)) return 'it has expired';
  return undefined;
}
