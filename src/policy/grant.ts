import { compileNamePattern, type Name, type NamePattern } from './name-pattern.ts';

/** What an identity may request. Denied by default: an empty list allows nothing. */
export interface Grant {
  readonly profiles: 'any' | readonly string[];
  /** Patterns as in `name-pattern.ts`. */
  readonly names: 'any' | readonly string[];
  /** Longest lifetime of a certificate, seconds. */
  readonly maxValidity?: number;
  /** If set, each certificate counts as a use of this token, and the same CSR is answered with its first request. */
  readonly token?: { readonly id: string; readonly uses: number };
  /** If set, the only key that may be certified: SHA-256 of its SubjectPublicKeyInfo, hex. */
  readonly key?: string;
  /**
   * If set, the proof of identity is valid for one certificate, and the same CSR is answered with that one: a unique name of the proof, and until
   * when it is remembered, seconds since the epoch.
   */
  readonly once?: { readonly key: string; readonly expires: number };
  /** If set, the contents of the certificate being renewed: exactly its names, and (for a CSR without names) its common name. */
  readonly renewal?: { readonly names: readonly Name[]; readonly commonName: string | undefined };
  /** True for operators with scope admin: they may use operator profiles, and have no quota. */
  readonly operator?: boolean;
}

/** Grants nothing. */
export const NO_GRANT: Grant = { profiles: [], names: [] };

/** Grants everything: for operators with scope admin. */
export const FULL_GRANT: Grant = { profiles: 'any', names: 'any', operator: true };

const COMPILED_MOST = 4096;
const compiled = new Map<string, NamePattern>();

/** Whether one of the grant's patterns matches the name. */
export function grantsName(grant: Grant, name: Name): boolean {
  return grant.names === 'any' || grant.names.some((text) => pattern(text).matches(name));
}

/** Compiled patterns are cached, as the same tokens and keys occur again and again; the cache is cleared as a whole. */
function pattern(text: string): NamePattern {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  if (compiled.size >= COMPILED_MOST) compiled.clear();
  const fresh = compileNamePattern(text);
  compiled.set(text, fresh);
  return fresh;
}
