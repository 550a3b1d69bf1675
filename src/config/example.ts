import { stringify } from 'yaml';
import { variableName } from './environment.ts';
import { ConfigSchema } from './schema.ts';
import { kindOf, leavesOf, type NodeKind, type SchemaNode, tableOf } from './schema-node.ts';

const HEAD = [
  '# Configuration of Chancery.',
  '# Remove the # before a value to set it. The value shown is its default, or an example if the text states the default.',
  '# The environment variable named with a value sets it too, and takes precedence over this file.',
  '# A faulty file is refused at start, listing every fault with its line and what was expected.',
];

const WIDTH = 110;

/** Values to write without a leading `#`, in the shape of the file: `{ publicUrl: { http: 'http://ca.example.com' } }`. */
export type ExampleValues = Readonly<Record<string, unknown>>;

/** The text of a commented configuration file: every value at its default, with its description, and the given values set. */
export function exampleConfig(values: ExampleValues = {}): string {
  return `${[HEAD.join('\n'), ...members(ConfigSchema as unknown as SchemaNode, [], values).map((lines) => lines.join('\n'))].join('\n\n')}\n`;
}

/** The lines of each member of a group. */
function members(group: SchemaNode, path: readonly string[], values: unknown): string[][] {
  const given = (values ?? {}) as ExampleValues;
  const known = group.properties ?? {};
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(known, name));
  if (unknown.length > 0) throw new TypeError(`no settings of the configuration: ${unknown.map((name) => [...path, name].join('.')).join(', ')}`);
  return Object.entries(known).map(([name, node]) => {
    const lines = WRITERS[kindOf(node)](name, node, [...path, name], given[name]);
    // An optional group must stay commented out: naming it would enable it.
    const isThere = given[name] !== undefined || group.required?.includes(name) === true;
    return kindOf(node) !== 'group' || isThere ? lines : lines.map((line) => line.replace(/^( *)(?=[^# ])/, '$1#'));
  });
}

type Writer = (name: string, node: SchemaNode, path: readonly string[], given: unknown) => string[];

const leaf: Writer = (name, node, path, given) => {
  const value = given ?? node.default ?? node.examples?.[0] ?? SHOWN_VALUE[kindOf(node)];
  const about = `${node.description ?? name} (${variableName(path)}${node['x-secret'] ? ', or …_FILE' : ''})`;
  return [...comment(about), `${given === undefined ? '#' : ''}${name}: ${inline(value)}`];
};

/** Shown for a value that has neither default nor example. */
const SHOWN_VALUE: Readonly<Partial<Record<NodeKind, unknown>>> = { text: '…' };

const WRITERS: Readonly<Record<NodeKind, Writer>> = {
  group: (name, node, path, given) => [...comment(node.description ?? name), `${name}:`, ...indented(members(node, path, given).flat())],
  table: (name, node, path, given) => [
    ...comment(node.description ?? name),
    ...comment('Each may have:'),
    ...[...leavesOf(tableOf(node).member)].flatMap((member) => comment(`  ${member.path.join('.')}: ${member.node.description ?? ''}`, '    ')),
    ...comment(`(${variableName([...path, '<name>', ...firstOf(tableOf(node).member)])}, and so on)`),
    `${name}:`,
    ...indented(given === undefined ? tree(node.examples?.[0]) : stringify(given).trimEnd().split('\n')),
  ],
  form: leaf, choice: leaf, text: leaf, number: leaf, flag: leaf, list: leaf, variant: leaf,
};

/** The path of a member that can serve as an example. */
const firstOf = (member: SchemaNode): readonly string[] => [...leavesOf(member)][0]?.path ?? [];

/** Members on lines of their own, commented out. A line with `#` and no following space is a value. */
function tree(value: unknown): string[] {
  return Object.entries(value ?? {}).flatMap(([name, member]: [string, unknown]) =>
    typeof member === 'object' && !Array.isArray(member) ? [`#${name}:`, ...indented(tree(member))] : [`#${name}: ${inline(member)}`]);
}

const inline = (value: unknown): string => stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim();

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function comment(text: string, hang = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S) /)) {
    if (line !== '' && line.length + word.length > WIDTH) {
      lines.push(line);
      line = hang;
    }
    line += line.trim() === '' ? word : ` ${word}`;
  }
  return [...lines, line].map((one) => `# ${one}`);
}
