import type { Attributes } from '../rules/template.ts';
import type { Members } from './token.ts';

const DEEPEST = 6;

/**
 * The claims as attributes that rules match. A claim within a claim has the names of both with a slash between them
 * (`kubernetes.io/serviceaccount/name`); true, false and whole numbers are their texts; a list has several values. What has
 * two meanings has none: where two claims come to the same name, and for lists of other things, there is no attribute.
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
