import { variableName } from './environment.ts';
import { ConfigSchema } from './schema.ts';
import { kindOf, mustBeWritten, type SchemaNode } from './schema-node.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** The JSON Schema of the configuration file, for editors and for tools that generate the file; each value names its environment variable. */
export function configJsonSchema(): object {
  return { $schema: DIALECT, ...published(ConfigSchema as unknown as SchemaNode, []) };
}

/** Members with defaults become optional, and sections may be null, as they are when all of their lines are commented out. */
function published(node: SchemaNode, path: readonly string[] | undefined): object {
  const { properties, patternProperties, required: _required, items, anyOf, 'x-form': _form, ...rest } = node;
  const kind = kindOf(node);
  const section = kind === 'group' || kind === 'table';
  const required = mustBeWritten(node);
  const each = (members: Readonly<Record<string, SchemaNode>>, name: (key: string) => string): object =>
    Object.fromEntries(Object.entries(members).map(([key, member]) => [key, published(member, path === undefined ? undefined : [...path, name(key)])]));
  return {
    ...rest,
    ...(section && path !== undefined && path.length > 0 ? { type: ['object', 'null'] } : {}),
    ...(properties === undefined ? {} : { properties: each(properties, (key) => key) }),
    ...(patternProperties === undefined ? {} : { patternProperties: each(patternProperties, () => '<name>') }),
    ...(required.length === 0 ? {} : { required }),
    ...(items === undefined ? {} : { items: published(items, undefined) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map((branch) => published(branch, undefined)) }),
    ...(section || path === undefined ? {} : { 'x-environment': variableName(path) }),
  };
}
