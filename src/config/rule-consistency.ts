import { compileProfiles, ProfileError } from '../policy/profile.ts';
import type { Config } from './config.ts';

/** Whether two who differ could fill the template so that it becomes the same name. */
export const runsTogether = (template: string): boolean =>
  template.replace(/\{\{[^{}]*\}\}/g, '\0').split(/[./@]/).some((part) => part.split('\0').length > 2) || (template.match(/\| *path\b/g) ?? []).length > 1;

/** Those that others than operators may have; undefined where the profiles have faults of their own. */
export function usableProfiles({ profiles }: Config): ReadonlySet<string> | undefined {
  try {
    return new Set([...compileProfiles(profiles).values()].filter(({ operatorsOnly }) => !operatorsOnly).map(({ name }) => name));
  } catch (error) {
    if (error instanceof ProfileError) return undefined;
    throw error;
  }
}
