import { stringify } from 'yaml';
import { BUILT_IN_PROFILES, COMMON_PROFILE, type RawProfile } from '../policy/profile.ts';
import { formatDuration } from './duration.ts';
import { variableName } from './environment.ts';
import type { FormName } from './forms.ts';
import { ConfigSchema } from './schema.ts';
import { choicesOf, kindOf, mustBeWritten, type NodeKind, type SchemaNode, tableOf } from './schema-node.ts';

const HEAD = `<!-- Written by 'npm run schemas' from the descriptions in src/config. Change those. -->

# Configuration

Every setting with its name in the file and in the environment, its type, its default, and what it is for.
[Operations](operations.md#configuration) lists those to look at first.

**The file** is \`chancery.yaml\` in the data folder, or the one named by \`--config\` or \`CHANCERY_CONFIG\`. \`chancery init\` writes it with every setting in it, commented out. It is read
at start only; \`chancery doctor\` checks it without starting the service. A faulty file is refused, listing every fault with its line and what was expected.

**Environment variables** take precedence over the file, and the command line over both. If a name of your choice is part of the setting (\`<name>\`), the variable has it in capitals, with \`_\` for \`-\`:
\`profiles.docker-node.lifetime\` is \`CHANCERY_PROFILES__DOCKER_NODE__LIFETIME\`. An empty variable counts as not set; an unknown one that begins with \`CHANCERY_\` is a fault. A list is written
\`a, b\`, or as in YAML: \`CHANCERY_ELIGIBILITY='[key, names, profile, {step: quota, limit: 100}]'\`. A secret can also come from a file, named by the variable with \`_FILE\`
appended: \`CHANCERY_AUTHORITY__PASSPHRASE_FILE=/run/secrets/passphrase\`. A secret in a configuration file that others may read is refused.

**Durations** are written \`90s\`, \`15m\`, \`12h\`, \`30d\`, \`2w\` or \`1y\` (365 days); a plain number is seconds. **Files and folders** that are not absolute are relative to the folder in which the program was started.
**Patterns** of names are those of [the guide to the checks](eligibility.md#names-by-rule).

Variables that are not settings: \`CHANCERY_CONFIG\`, and for commands that call a service \`CHANCERY_URL\`, \`CHANCERY_API_KEY\` and \`CHANCERY_TOKEN\`.`;

type Named = readonly [name: string, node: SchemaNode, required: boolean];

/** The text of docs/configuration.md. @throws TypeError if a setting has no description */
export function configurationGuide(): string {
  const settings = membersOf(ConfigSchema as unknown as SchemaNode);
  const single = settings.filter(([, node]) => !hasSection(node));
  const sections = settings.filter(([, node]) => hasSection(node));
  const contents = sections.map(([name]) => `[${name}](#${name.toLowerCase()})`).join(' · ');
  return `${[HEAD, contents, '## Single settings', table(single, []), ...sections.flatMap(sectionOf)].join('\n\n')}\n`;
}

const hasSection = (node: SchemaNode): boolean => ['group', 'table'].includes(kindOf(node)) || variantsOf(node).length > 0;

function sectionOf(setting: Named): string[] {
  const [name, node] = setting;
  return [
    `## ${name}`,
    ...(kindOf(node) === 'list' ? [table([setting], [])] : [`${about(node)}.`, table(...partsOf(node, [name]))]),
    ...variantsOf(node).flatMap((variant) => [`### ${name}: ${tagOf(variant)}`, table(untagged(variant), undefined)]),
    ...(name === 'profiles' ? builtInProfiles() : []),
  ];
}

/** The children of a group or table, and the path leading to them. The names of a table's members are chosen by the user. */
function partsOf(node: SchemaNode, path: readonly string[]): [parts: readonly Named[], path: readonly string[]] {
  if (kindOf(node) === 'group') return [membersOf(node), path];
  const { member } = tableOf(node);
  return kindOf(member) === 'group' ? [membersOf(member), [...path, '<name>']] : [[['<name>', member, false]], path];
}

function membersOf(group: SchemaNode): Named[] {
  const required = mustBeWritten(group);
  return Object.entries(group.properties ?? {}).map(([name, member]) => [name, member, required.includes(name)]);
}

/** The variants of a list's members that are distinguished by a constant (`{step: quota}`). */
const variantsOf = ({ items }: SchemaNode): readonly SchemaNode[] => (items?.anyOf ?? []).filter((variant) => kindOf(variant) === 'group');

const tagOf = ({ properties }: SchemaNode): string => Object.values(properties ?? {}).find((member) => member.const !== undefined)?.const ?? '';
const untagged = (variant: SchemaNode): Named[] => membersOf(variant).filter(([, member]) => member.const === undefined);

/** @param path of the parent, or undefined within a list, whose members have no variables */
const table = (settings: readonly Named[], path: readonly string[] | undefined): string =>
  ['| setting | type | default | |', '|---|---|---|---|', ...settings.flatMap((setting) => rows(setting, path ?? [], path !== undefined))].join('\n');

/** A group, or list of groups, has a row that describes it, and one row for each member. */
function rows([name, node, required]: Named, above: readonly string[], variable: boolean): string[] {
  const kind = kindOf(node);
  const path = [...above, name];
  const dotted = path.join('.');
  if (node.description === undefined) throw new TypeError(`${dotted} has no description`);
  if (kind === 'group' || kind === 'table') {
    const [parts, inside] = partsOf(node, path);
    // The conditions of a rule have names of their own, and are described with them.
    const shown = kind === 'table' && !variable ? [] : parts;
    return [row(`\`${dotted}\``, '', '', about(node)), ...shown.flatMap((part) => rows(part, inside, variable))];
  }
  const byDefault = node.default === undefined ? (required ? 'required' : '') : code(node.default);
  const members = node.items !== undefined && kindOf(node.items) === 'group' ? membersOf(node.items) : [];
  return [
    row(variable ? `\`${dotted}\`<br>\`${variableName(path)}\`` : `\`${dotted}\``, TYPES[kind](node), byDefault, about(node)),
    ...members.flatMap((member) => rows(member, [...above, `${name}[]`], false)),
  ];
}

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const code = (value: unknown): string => `\`${stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim().replaceAll('|', '\\|')}\``;

/** A setting's description, escaped for Markdown, and an example if it has no default. */
function about({ description = '', default: byDefault, examples = [] }: SchemaNode): string {
  const text = description
    .replace(/[*|<>]/g, (character) => ({ '<': '&lt;', '>': '&gt;' })[character] ?? `\\${character}`)
    .replace(/docs\/([a-z-]+\.md)/g, '[$1]($1)');
  return byDefault === undefined && examples.length > 0 ? `${text}. Example: ${code(examples[0])}` : text;
}

const FORM_TYPES: Readonly<Record<FormName, string>> = {
  duration: 'duration', listener: '`host:port`, or `off`', httpsUrl: '`https://` address', httpUrl: '`http://` address', hostName: 'host name or address', store: 'address of a store',
};

const TYPES: Readonly<Record<NodeKind, (node: SchemaNode) => string>> = {
  form: (node) => `${FORM_TYPES[node['x-form'] ?? 'duration']}${secret(node)}`,
  choice: (node) => choicesOf(node).map((choice) => `\`${choice}\``).join(', '),
  text: (node) => `text${secret(node)}`,
  number: ({ minimum = 0, maximum }) => (maximum === undefined ? `number, ${minimum} or more` : `number, ${minimum} to ${maximum}`),
  flag: () => '`true` or `false`',
  list: ({ items = {} }) => `list${kindOf(items) === 'choice' ? ` of ${TYPES.choice(items)}` : ''}`,
  group: () => '',
  table: () => '',
  variant: ({ anyOf = [] }) => anyOf.map((variant) => TYPES[kindOf(variant)](variant)).join(', or '),
};

const secret = (node: SchemaNode): string => (node['x-secret'] === true ? ', secret' : '');

/** The settings of the built-in profiles. */
function builtInProfiles(): string[] {
  return [
    '### Built-in profiles',
    `Every profile, including your own, has ${code(written(COMMON_PROFILE))}. The built-in profiles add to that, or override it:`,
    ['| profile | values |', '|---|---|', ...Object.entries(BUILT_IN_PROFILES).map(([name, profile]) => row(`\`${name}\``, code(written(profile))))].join('\n'),
  ];
}

/** As written in a file. */
const written = ({ lifetime, maxLifetime, backdate, ...rest }: RawProfile): object => ({
  ...Object.fromEntries(Object.entries({ lifetime, maxLifetime, backdate }).flatMap(([name, seconds]) => (seconds === undefined ? [] : [[name, formatDuration(seconds)]]))),
  ...rest,
});
