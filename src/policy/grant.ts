import { compileNamePattern, type Name, type NamePattern } from './name-pattern.ts';

/** What an identity may ask for. Deny is the default: an empty list allows nothing. */
export interface Grant {
  readonly profiles: 'any' | readonly string[];
  /** Patterns of `name-pattern.ts`. */
  readonly names: 'any' | readonly string[];
  /** A certificate's life at most, seconds. */
  readonly maxValidity?: number;
  /** Where set, each certificate counts as a use of this token, and the same CSR is answered with its first request. */
  readonly token?: { readonly id: string; readonly uses: number };
  /** Where set, the only key that may be certified: SHA-256 of its SubjectPublicKeyInfo, hex. */
  readonly key?: string;
  /**
   * Where set, what proved the identity is good for one certificate, and the same CSR is answered with that: its unique name, and until when it is
   * remembered, seconds since the epoch.
   */
  readonly once?: { readonly key: string; readonly expires: number };
  /** Where set, exactly what the certificate presented has: its names, no more and no fewer, and (for a CSR without names) its common name. */
  readonly renewal?: { readonly names: readonly Name[]; readonly commonName: string | undefined };
  /** True for operators with scope admin: profiles kept for operators, and no quota. */
  readonly operator?: boolean;
}

/** Nothing at all. */
export const NO_GRANT: Grant = { profiles: [], names: [] };

/** Everything: operators with scope admin. */
export const FULL_GRANT: Grant = { profiles: 'any', names: 'any', operator: true };

const COMPILED_MOST = 4096;
const compiled = new Map<string, NamePattern>();

/** True when one of the grant's patterns matches the name. */
export function grantsName(grant: Grant, name: Name): boolean {
  return grant.names === 'any' || grant.names.some((text) => pattern(text).matches(name));
}

/** The same tokens and keys come again and again: their patterns are compiled once, and forgotten together. */
function pattern(text: string): NamePattern {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  if (compiled.size >= COMPILED_MOST) compiled.clear();
  const fresh = compileNamePattern(text);
  compiled.set(text, fresh);
  return fresh;
}
