import { type FormName, FORMS } from './forms.ts';

/** A node of the configuration's JSON Schema, limited to the keywords that the schema uses. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly 'x-form'?: FormName;
  readonly 'x-secret'?: boolean;
}

/** `group`: named members; `table`: members with names chosen by the user; `variant`: one of several. */
export type NodeKind = 'form' | 'choice' | 'text' | 'number' | 'flag' | 'list' | 'group' | 'table' | 'variant';

export function kindOf(node: SchemaNode): NodeKind {
  if (node['x-form'] !== undefined) return 'form';
  if (node.anyOf !== undefined) return 'variant';
  if (node.enum !== undefined || node.const !== undefined) return 'choice';
  if (node.patternProperties !== undefined) return 'table';
  const kind = KINDS[String(node.type)];
  if (kind === undefined) throw new TypeError(`the configuration's schema uses a type that is not known here: ${String(node.type)}`);
  return kind;
}

const KINDS: Readonly<Record<string, NodeKind>> = { string: 'text', integer: 'number', boolean: 'flag', array: 'list', object: 'group' };

/** The names allowed for a table's members, and their schema. */
export function tableOf(node: SchemaNode): { readonly names: RegExp; readonly member: SchemaNode } {
  const [pattern = '', member = {}] = Object.entries(node.patternProperties ?? {})[0] ?? [];
  return { names: new RegExp(pattern), member };
}

/** The members of a group that are required and have no default. */
export const mustBeWritten = (node: SchemaNode): string[] =>
  (node.required ?? []).filter((name) => {
    const member = node.properties?.[name];
    return member !== undefined && member.default === undefined && kindOf(member) !== 'table' && !(kindOf(member) === 'group' && mustBeWritten(member).length === 0);
  });

/** The values of a choice. */
export const choicesOf = (node: SchemaNode): readonly string[] => node.enum ?? (node.const === undefined ? [] : [node.const]);

/** A description of the values allowed at a node: the second half of `is "x"; expected …`. */
export const expectedOf = (node: SchemaNode): string => EXPECTED[kindOf(node)](node);

const EXPECTED: Readonly<Record<NodeKind, (node: SchemaNode) => string>> = {
  form: (node) => FORMS[node['x-form'] ?? 'duration'].expected,
  choice: (node) => (choicesOf(node).length === 1 ? choicesOf(node).join() : `one of ${choicesOf(node).join(', ')}`),
  text: (node) => {
    if (node.pattern !== undefined) return node.description ?? `text like ${node.pattern}`;
    return node.maxLength === undefined ? 'text' : `text of ${node.minLength ?? 0} to ${node.maxLength} characters`;
  },
  number: ({ minimum, maximum }) =>
    maximum === undefined ? `a whole number${minimum === undefined ? '' : `, at least ${minimum}`}` : `a whole number from ${minimum ?? 0} to ${maximum}`,
  flag: () => 'true or false',
  list: (node) => `a list${node.items === undefined ? '' : `, each ${expectedOf(node.items)}`}`,
  group: (node) => `a group of ${Object.keys(node.properties ?? {}).join(', ')}`,
  table: (node) => `names (${tableOf(node).names.source}) with what they stand for`,
  variant: (node) => (node.anyOf ?? []).map(expectedOf).join(', or '),
};

/** All named leaf values below a node, in order; a table's members appear under `<name>`. */
export function* leavesOf(node: SchemaNode, path: readonly string[] = []): Generator<{ readonly path: readonly string[]; readonly node: SchemaNode }> {
  const kind = kindOf(node);
  if (kind === 'group') for (const [name, member] of Object.entries(node.properties ?? {})) yield* leavesOf(member, [...path, name]);
  else if (kind === 'table') yield* leavesOf(tableOf(node).member, [...path, '<name>']);
  else yield { path, node };
}
