import { compileNamePattern } from '../../policy/name-pattern.ts';
import { X509Error } from '../../x509/errors.ts';
import { textToName } from '../../x509/general-name.ts';

/** What is known about a caller: attributes with their values. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

/** A template that is invalid, or cannot be filled in. `message` is meant for people. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** A name pattern with placeholders: `{{instanceId}}.nodes.example.com`. */
export interface Template {
  readonly text: string;
  /** Attributes that it uses. */
  readonly asks: readonly string[];
  /** The resulting name patterns, one for each combination of values. @throws TemplateError */
  readonly fill: (attributes: Attributes) => readonly string[];
}

/** Upper bound of names from one template. */
const MOST_NAMES = 100;
const MOST_VALUE = 512;
const PLACE = /\{\{([^{}]*)\}\}/;
const ASKED = /^ *([A-Za-z0-9][A-Za-z0-9_./:-]{0,127}) *((?:\| *[a-z]+ *)*)$/;

/** Filters that may be applied to a value. `first` and `last` take one part of `a/b/c`: the rule has to make sure who may choose the others. */
const FILTERS = {
  lower: (value: string) => value.toLowerCase(),
  first: (value: string) => value.replace(/\/.*$/s, ''),
  last: (value: string) => value.slice(value.lastIndexOf('/') + 1),
  /** Accepts several segments of a URI. */
  path: (value: string) => value,
};
type Filter = keyof typeof FILTERS;
const isFilter = (name: string): name is Filter => Object.hasOwn(FILTERS, name);

/** The position of a placeholder restricts its values: none may end the part of the name that it stands in, or turn it into a pattern. */
const PARTS: Readonly<Record<'label' | 'segment' | 'mailbox', { readonly fits: (value: string) => boolean; readonly expected: string }>> = {
  label: { fits: (value) => /^[a-z0-9-]{1,63}$/.test(value), expected: 'lower-case letters, digits and dashes, as they stand between two dots of a DNS name' },
  segment: { fits: (value) => /^[A-Za-z0-9._~-]{1,255}$/.test(value) && !/^\.+$/.test(value), expected: 'letters, digits, and . _ ~ -, as they stand between two slashes of a URI' },
  mailbox: { fits: (value) => /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(value) && value.length <= 64, expected: 'letters, digits, and . _ -, as they stand before the @ of a mail address' },
};

interface Place {
  readonly attribute: string;
  /** If undefined, the value is the complete name. */
  readonly part: keyof typeof PARTS | undefined;
  readonly filters: readonly Filter[];
}

/**
 * Compiles a template: a name pattern (`policy/name-pattern.ts`) in which `{{attribute}}` stands for a value. On its own it stands for a complete
 * name; otherwise for a label of a DNS name, a segment of a URI, or the local part of a mail address, and values that do not fit are refused:
 * nothing is replaced or omitted, so that two different callers never end up with the same name. `{{a|lower}}` converts the value to lower case;
 * `{{a|first}}` and `{{a|last}}` take what precedes its first, or follows its last, slash; `{{a|path}}` accepts several segments of a URI.
 * @throws TemplateError
 */
export function compileTemplate(text: string): Template {
  const pieces = text.split(PLACE);
  const literals = pieces.filter((_, index) => index % 2 === 0);
  const places = pieces.flatMap((piece, index) => (index % 2 === 1 ? [placeOf(text, piece, literals.slice(0, (index + 1) / 2).join('x'))] : []));
  if (literals.some((literal) => /[{}]/.test(literal))) throw new TemplateError(`${JSON.stringify(text)}: a brace that is not part of {{attribute}}`);
  const alone = text.replace(PLACE, '') === '' && places.length === 1;
  if (!alone) checkPattern(text, literals.join('x'));
  return {
    text,
    asks: places.map(({ attribute }) => attribute),
    fill: (attributes) => {
      let names: string[] = [literals[0] ?? ''];
      for (const [index, place] of places.entries()) {
        const values = valuesOf(text, alone ? { ...place, part: undefined } : place, attributes);
        names = names.flatMap((name) => values.map((value) => `${name}${value}${literals[index + 1] ?? ''}`));
        if (names.length > MOST_NAMES) throw new TemplateError(`${JSON.stringify(text)} becomes more than ${MOST_NAMES} names`);
      }
      if (!alone) for (const name of names) checkPattern(text, name);
      return [...new Set(names)];
    },
  };
}

function placeOf(text: string, asked: string, before: string): Place {
  const [, attribute, chain = ''] = ASKED.exec(asked) ?? [];
  const filters = chain.split('|').slice(1).map((name) => name.trim());
  if (attribute === undefined || !filters.every(isFilter)) {
    throw new TemplateError(`${JSON.stringify(text)}: {{${asked}}} names no attribute; expected {{attribute}}, or {{attribute|…}} with ${Object.keys(FILTERS).join(', ')}`);
  }
  const part = partAt(text, before);
  if (filters.includes('path') && part !== 'segment') throw new TemplateError(`${JSON.stringify(text)}: "path" is for the path of a URI`);
  return { attribute, part, filters };
}

/** The kind of name part that follows `before`. */
function partAt(text: string, before: string): keyof typeof PARTS {
  const scheme = text.indexOf('://');
  if (scheme >= 0) {
    if (before.indexOf('://') < 0) throw new TemplateError(`${JSON.stringify(text)}: the scheme of a URI cannot be filled in`);
    return before.indexOf('/', before.indexOf('://') + 3) >= 0 ? 'segment' : 'label';
  }
  return text.includes('@') && !before.includes('@') ? 'mailbox' : 'label';
}

function valuesOf(text: string, { attribute, part, filters }: Place, attributes: Attributes): readonly string[] {
  const values = attributes.get(attribute) ?? [];
  if (values.length === 0) throw new TemplateError(`${JSON.stringify(text)} asks for ${attribute}, which is not known here`);
  return values.map((value) => {
    const taken = filters.reduce((text, filter) => FILTERS[filter](text), value);
    if (taken.length > MOST_VALUE) throw new TemplateError(`${attribute} has ${taken.length} characters, too many for a name`);
    if (part === undefined) return wholeName(attribute, taken);
    const { fits, expected } = PARTS[part];
    const good = filters.includes('path') ? taken.split('/').every(fits) : fits(taken);
    if (!good) throw new TemplateError(`${attribute} is ${JSON.stringify(taken.slice(0, 80))}, which cannot stand in ${JSON.stringify(text)}; expected ${expected}`);
    return taken;
  });
}

/** A value that is a complete name, in canonical form; never a pattern. */
function wholeName(attribute: string, value: string): string {
  try {
    const name = textToName(value);
    if (!/[*\s]/.test(name.value)) return name.value;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
  }
  throw new TemplateError(`${attribute} is ${JSON.stringify(value.slice(0, 80))}, which is not a name; expected a DNS name, an address, a mail address or a URI`);
}

/** Checks that the result is a valid pattern, and that the template has fixed text of the form of a name: a bare `**.` would match too much. */
function checkPattern(text: string, pattern: string): void {
  try {
    compileNamePattern(pattern);
    const exact = pattern.replace(/^\*\*?[.@]/, (stars) => (stars.endsWith('@') ? 'x@' : '')).replace(/\/\*\*?$/, '/x').replace(/\/\d{1,3}$/, '');
    if (pattern !== '*') textToName(exact);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new TemplateError(`${JSON.stringify(text)}${text === pattern ? '' : ` would be ${JSON.stringify(pattern.slice(0, 128))}, which`} is not a name pattern: ${error instanceof X509Error ? error.detail : error.message}`);
  }
}
