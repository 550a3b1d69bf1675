import type { Attributes } from '../rules/template.ts';
import type { Members } from './token.ts';

const DEEPEST = 6;

/**
 * The claims as attributes that rules can match. A nested claim is named by its path, joined with slashes
 * (`kubernetes.io/serviceaccount/name`); booleans and whole numbers become text; a list has several values. Anything ambiguous has no attribute:
 * claims that map to the same name, and lists of other things.
 */
export function attributesOf(claims: Members): Attributes {
  const found = new Map<string, readonly string[]>();
  const twice = new Set<string>();
  const add = (name: string, values: readonly string[]): void => {
    if (found.has(name)) twice.add(name);
    found.set(name, values);
  };
  const walk = (members: Members, prefix: string, depth: number): void => {
    for (const [name, value] of Object.entries(members)) {
      const text = textOf(value);
      if (text !== undefined) add(prefix + name, [text]);
      else if (Array.isArray(value)) add(prefix + name, textsOf(value));
      else if (typeof value === 'object' && value !== null && depth < DEEPEST) walk(value as Members, `${prefix}${name}/`, depth + 1);
    }
  };
  walk(claims, '', 1);
  for (const name of twice) found.delete(name);
  return found;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined;
}

function textsOf(list: readonly unknown[]): readonly string[] {
  const texts = list.map(textOf);
  return texts.every((text) => text !== undefined) ? texts : [];
}
