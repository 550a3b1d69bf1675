import type { Path, Report } from './faults.ts';
import { type Form, FORMS } from './forms.ts';
import { nearestName } from './near-name.ts';
import { choicesOf, expectedOf, kindOf, mustBeWritten, type NodeKind, type SchemaNode, tableOf } from './schema-node.ts';

/**
 * Validates a configuration against the schema, reporting every fault, and returns the resulting values: forms parsed, defaults filled in. A
 * faulty value is replaced by its default, so that values depending on it can be checked too.
 */
export function parseSettings(node: SchemaNode, written: unknown, path: Path, report: Report): unknown {
  const given = written === undefined || (written === null && ABSENT_WHEN_EMPTY.includes(kindOf(node))) ? undefined : written;
  if (given === undefined) return byDefault(node, path, report);
  const parsed = PARSERS[kindOf(node)](node, given, path, report);
  return parsed === undefined ? byDefault(node, path, report) : parsed;
}

/** A section whose lines are all commented out is null in YAML. */
const ABSENT_WHEN_EMPTY: readonly NodeKind[] = ['group', 'table'];

function byDefault(node: SchemaNode, path: Path, report: Report): unknown {
  if (node.default !== undefined) return PARSERS[kindOf(node)](node, node.default, path, report);
  if (kindOf(node) === 'table') return {};
  // A group consists of its members' defaults, unless one of them is required.
  return kindOf(node) === 'group' && mustBeWritten(node).length === 0 ? PARSERS.group(node, {}, path, report) : undefined;
}

/** Each parser returns undefined if it has reported a fault. */
type Parser = (node: SchemaNode, given: unknown, path: Path, report: Report) => unknown;

const PARSERS: Readonly<Record<NodeKind, Parser>> = {
  form: (node, given, path, report) => {
    const form: Form<unknown> = FORMS[node['x-form'] ?? 'duration'];
    const text = form.takesNumbers && Number.isSafeInteger(given) ? String(given) : given;
    const value = typeof text === 'string' ? form.parse(text) : undefined;
    const faults = value === undefined && typeof text === 'string' ? form.faults?.(text) ?? [] : [];
    for (const fault of faults) report(path, fault, expectedOf(node));
    return faults.length > 0 ? undefined : orFault(value, node, given, path, report);
  },
  choice: (node, given, path, report) => {
    const choices = choicesOf(node);
    if (typeof given === 'string' && choices.includes(given)) return given;
    const near = typeof given === 'string' ? nearestName(given, choices) : undefined;
    report(path, `is ${shown(given, node)}${perhaps(near)}`, expectedOf(node));
    return undefined;
  },
  text: (node, given, path, report) => {
    const good = typeof given === 'string' && given.length >= (node.minLength ?? 0) && given.length <= (node.maxLength ?? Infinity)
      && (node.pattern === undefined || new RegExp(node.pattern).test(given));
    const needsQuotes = typeof given === 'number' || typeof given === 'boolean';
    if (!good && needsQuotes) report(path, `is ${shown(given, node)}, which YAML does not take as text`, `${expectedOf(node)}, in quotes`);
    return good ? given : needsQuotes ? undefined : orFault(undefined, node, given, path, report);
  },
  number: (node, given, path, report) => {
    const good = Number.isSafeInteger(given) && Number(given) >= (node.minimum ?? -Infinity) && Number(given) <= (node.maximum ?? Infinity);
    return orFault(good ? given : undefined, node, given, path, report);
  },
  flag: (node, given, path, report) => orFault(typeof given === 'boolean' ? given : undefined, node, given, path, report),
  list: (node, given, path, report) => {
    if (!Array.isArray(given) || given.length < (node.minItems ?? 0)) return orFault(undefined, node, given, path, report);
    return given.map((item: unknown, index) => parseSettings(node.items ?? {}, item, [...path, index], report)).filter((item) => item !== undefined);
  },
  group: (node, given, path, report) => {
    if (!isGroup(given)) return orFault(undefined, node, given, path, report);
    const members = node.properties ?? {};
    for (const name of Object.keys(given).filter((key) => !Object.hasOwn(members, key))) reportUnknown(name, Object.keys(members), path, report);
    for (const name of mustBeWritten(node).filter((key) => !Object.hasOwn(given, key))) report([...path, name], 'is missing', expectedOf(members[name] ?? {}));
    // An optional member without a default stays absent if it is not given.
    const present = Object.entries(members).filter(([name]) => given[name] !== undefined || node.required?.includes(name));
    const entries = present.map(([name, member]) => [name, parseSettings(member, given[name], [...path, name], report)] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  },
  table: (node, given, path, report) => {
    if (!isGroup(given)) return orFault(undefined, node, given, path, report);
    const { names, member } = tableOf(node);
    const [good, bad] = [Object.keys(given).filter((name) => names.test(name)), Object.keys(given).filter((name) => !names.test(name))];
    for (const name of bad) report([...path, name], 'has a name that cannot be used', `a name of the form ${names.source}`);
    return Object.fromEntries(good.map((name) => [name, parseSettings(member, given[name], [...path, name], report) ?? {}]));
  },
  variant: (node, given, path, report) => {
    const branches = (node.anyOf ?? []).filter((branch) => shapeOf(kindOf(branch)) === shapeOf(isGroup(given) ? 'group' : Array.isArray(given) ? 'list' : 'text'));
    const branch = branches.find((candidate) => isTagged(candidate, given)) ?? (branches.length === 1 ? branches[0] : undefined);
    const tag = branch === undefined && branches.length > 1 ? tagOf(branches) : undefined;
    if (tag !== undefined && isGroup(given) && given[tag.name] === undefined) {
      report([...path, tag.name], 'is missing', expectedOf({ enum: tag.values }));
      return undefined;
    }
    if (tag !== undefined && isGroup(given)) return PARSERS.choice({ enum: tag.values }, given[tag.name], [...path, tag.name], report) && undefined;
    return branch === undefined ? orFault(undefined, node, given, path, report) : PARSERS[kindOf(branch)](branch, given, path, report);
  },
};

function orFault(value: unknown, node: SchemaNode, given: unknown, path: Path, report: Report): unknown {
  if (value === undefined) report(path, given === null ? 'has no value' : `is ${shown(given, node)}`, expectedOf(node));
  return value;
}

function reportUnknown(name: string, members: readonly string[], path: Path, report: Report): void {
  report([...path, name], `is unknown${perhaps(nearestName(name, members))}`, `one of ${members.join(', ')}`);
}

const perhaps = (near: string | undefined): string => (near === undefined ? '' : ` (did you mean ${near}?)`);

/** The shape of a value before its variant is known. */
const shapeOf = (kind: NodeKind): 'group' | 'list' | 'single' => (kind === 'group' || kind === 'table' ? 'group' : kind === 'list' ? 'list' : 'single');

/** The group whose constant member (`step: quota`) matches. */
const isTagged = (node: SchemaNode, given: unknown): boolean =>
  isGroup(given) && Object.entries(node.properties ?? {}).some(([name, member]) => member.const !== undefined && member.const === given[name]);

/** The member that distinguishes the groups, and its value in each. */
function tagOf(branches: readonly SchemaNode[]): { readonly name: string; readonly values: readonly string[] } | undefined {
  const [name] = Object.entries(branches[0]?.properties ?? {}).find(([, member]) => member.const !== undefined) ?? [];
  const values = name === undefined ? [] : branches.flatMap(({ properties }) => properties?.[name]?.const ?? []);
  return name === undefined || values.length < branches.length ? undefined : { name, values };
}

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const SHOWN_MOST = 60;

function shown(value: unknown, node: SchemaNode): string {
  if (node['x-secret']) return 'not of the form';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (isGroup(value)) return 'a group of values';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_MOST ? `${text.slice(0, SHOWN_MOST)}…` : text;
}
