import { parseDuration } from '../../config/duration.ts';
import type { Fault } from '../../errors.ts';
import { patternFault } from '../../policy/name-pattern.ts';

// Checks that the schemas of bodies cannot express.

/** Faults in a list of names, each a pattern. */
export const namesFaults = (names: readonly string[]): readonly Fault[] => names.flatMap((name, index) => {
  const detail = patternFault(name);
  return detail === undefined ? [] : [{ code: 'pattern', at: `/names/${index}`, detail }];
});

/** A time to live in seconds, and any fault in it. `usual` is the default. */
export function checkedTtl(text: string | undefined, { usual, most }: { readonly usual: number; readonly most: number }): { readonly ttl: number; readonly faults: readonly Fault[] } {
  const ttl = text === undefined ? usual : (parseDuration(text) ?? 0);
  return { ttl, faults: ttl >= 1 && ttl <= most ? [] : [{ code: 'ttl', at: '/ttl', detail: `ttl is expected to be 1 s to ${most / 86_400} d` }] };
}
