import { JsonError, parseStrictJson } from '../../strict-json.ts';
import { type AttestationKind, unproved } from './attestor.ts';

/** Octets of a metadata document; the largest in use have 2,000. */
const MOST_OCTETS = 16 * 1024;

/** The members of a metadata document, which must be a JSON object. @throws Refused */
export function readDocument(kind: AttestationKind, octets: Uint8Array): ReadonlyMap<string, unknown> {
  if (octets.length > MOST_OCTETS) throw unproved(kind, `the document has ${octets.length} octets; at most ${MOST_OCTETS} are accepted`);
  try {
    return membersOf(kind, 'the document', parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)));
  } catch (error) {
    throw error instanceof JsonError || error instanceof TypeError ? unproved(kind, 'the document is not JSON that names each member once', error) : error;
  }
}

/** The members of a JSON object. @throws Refused */
export function membersOf(kind: AttestationKind, what: string, value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unproved(kind, `${what} is not a JSON object`);
  return new Map(Object.entries(value));
}

/** Required members, as texts of given forms. @throws Refused */
export function texts<const T extends Readonly<Record<string, RegExp>>>(kind: AttestationKind, members: ReadonlyMap<string, unknown>, forms: T): { readonly [K in keyof T]: string } {
  const entries = Object.entries(forms).map(([name, form]) => {
    const value = members.get(name);
    if (typeof value !== 'string' || !form.test(value)) throw unproved(kind, `"${name}" is missing or malformed`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries) as { readonly [K in keyof T]: string };
}
