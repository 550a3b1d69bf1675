import { parseIpAddress } from '../x509/ip-address.ts';
import { normaliseDnsName } from '../x509/dns-name.ts';
import { X509Error } from '../x509/errors.ts';
import { textToName } from '../x509/general-name.ts';
import type { Directory } from './context.ts';
import { AcmeError, type AcmeErrorType, type AcmeProblem, malformed, problemIn } from './problem.ts';
import type { Profile } from '../policy/profile.ts';
import { hasManyOwners } from '../policy/public-suffix.ts';
import { policyName } from './state/model.ts';
import type { Identifier } from './validators/validator.ts';

/** Characters of an identifier quoted in a problem. */
const SHOWN = 255;

/**
 * The identifiers of a new order or authorization in canonical form, without duplicates, all of them allowed here.
 * @throws AcmeError `malformed`, `unsupportedIdentifier`, `rejectedIdentifier`; if there are several, each is a subproblem (RFC 8555 6.7.1)
 */
export function readIdentifiers(value: unknown, { allow, deny }: Directory, profile: Profile): Identifier[] {
  if (!Array.isArray(value) || value.length === 0) throw malformed('"identifiers" is missing or empty; expected a list of {type, value}.');
  if (value.length > profile.mostNames) throw malformed(`${value.length} identifiers; at most ${profile.mostNames} are accepted.`);
  const problems: AcmeProblem[] = [];
  const found = new Map<string, Identifier>();
  for (const given of value as unknown[]) {
    const read = readIdentifier(given);
    if ('fault' in read) {
      problems.push(read.fault);
      continue;
    }
    const { identifier } = read;
    const refused = refusal(identifier, allow, deny, profile);
    if (refused === undefined) found.set(`${identifier.type} ${identifier.value}`, identifier);
    else problems.push(problemIn('rejectedIdentifier', refused, { identifier }));
  }
  if (problems.length > 0) throw together(problems);
  return [...found.values()];
}

type Read = { readonly identifier: Identifier } | { readonly fault: AcmeProblem };

function readIdentifier(given: unknown): Read {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw malformed('An identifier is not an object; expected {type, value}.');
  const { type, value } = given as { readonly type?: unknown; readonly value?: unknown };
  if (typeof type !== 'string' || typeof value !== 'string') throw malformed('An identifier lacks its type or value, or they are not strings.');
  const shown = { type: type.slice(0, SHOWN) as Identifier['type'], value: value.slice(0, SHOWN) };
  const fault = (what: AcmeErrorType, detail: string): Read => ({ fault: problemIn(what, detail, { identifier: shown }) });
  if (type !== 'dns' && type !== 'ip') return fault('unsupportedIdentifier', `Identifiers of type ${JSON.stringify(shown.type)} are not supported; expected dns or ip.`);
  // Clients without support for IP identifiers (RFC 8738) order addresses as names.
  if (type === 'dns' && parseIpAddress(value) !== undefined) return fault('rejectedIdentifier', `${JSON.stringify(shown.value)} is an IP address; expected type ip, which the client must support (RFC 8738).`);
  try {
    if (type === 'dns') return { identifier: { type, value: normaliseDnsName(value, true) } };
    if (parseIpAddress(value) === undefined) return fault('malformed', `${JSON.stringify(shown.value)} is not an IP address.`);
    return { identifier: { type, value: textToName(value).value } };
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return fault('rejectedIdentifier', `The name is refused: ${error.detail}`);
  }
}

function refusal(identifier: Identifier, allow: Directory['allow'], deny: Directory['deny'], profile: Profile): string | undefined {
  const name = policyName(identifier);
  const shown = JSON.stringify(identifier.value);
  if (!profile.nameKinds.has(name.kind)) return `Profile ${profile.name} allows no names of type ${identifier.type}.`;
  if (identifier.value.startsWith('*.')) {
    if (!profile.wildcards) return `Profile ${profile.name} has no wildcards.`;
    if (hasManyOwners(identifier.value.slice(2), profile.privateZones)) return `${shown} is a wildcard for a public suffix, below which names belong to different owners.`;
  }
  const denied = [...deny, ...profile.deny].find((pattern) => pattern.matches(name));
  if (denied !== undefined) return `${shown} matches ${denied.text}, for which nothing is issued here.`;
  for (const allowed of [allow, profile.allow]) {
    if (allowed !== undefined && !allowed.some((pattern) => pattern.matches(name))) return `${shown} is not among the names for which certificates are issued here.`;
  }
  return undefined;
}

/** A single problem as it is, several as one with subproblems. */
function together(problems: readonly AcmeProblem[]): AcmeError {
  const [first] = problems;
  const types = new Set(problems.map(({ type }) => type));
  const type = (types.size === 1 && first !== undefined ? first.type.slice(first.type.lastIndexOf(':') + 1) : 'compound') as AcmeErrorType;
  const detail = problems.length === 1 && first !== undefined ? first.detail : `${problems.length} identifiers are refused; see the subproblems.`;
  return new AcmeError(type === 'compound' ? 'rejectedIdentifier' : type, detail, { subproblems: problems });
}
