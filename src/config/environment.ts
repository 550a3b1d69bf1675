import { readFileSync } from 'node:fs';
import { parse as parseYamlValue } from 'yaml';
import type { ConfigFault, Path } from './faults.ts';
import { nearestName } from './near-name.ts';
import { kindOf, leavesOf, type NodeKind, type SchemaNode, tableOf } from './schema-node.ts';

const PREFIX = 'CHANCERY_';

/** Variables with the prefix that are not settings of the service; any other unknown one is refused. */
const NO_SETTINGS: readonly ((name: string, value: string) => boolean)[] = [
  // Used by the command-line client.
  (name) => ['CHANCERY_URL', 'CHANCERY_API_KEY', 'CHANCERY_TOKEN', 'CHANCERY_CONFIG'].includes(name),
  // Used by tests and benchmarks.
  (name) => name === 'CHANCERY_CORPORA' || /^CHANCERY_(TEST|BENCH)_/.test(name),
  // Kubernetes sets these in every container for each Service of its namespace, including Services named chancery or chancery-….
  (name, value) => /^CHANCERY_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)$/.test(name) || (/^CHANCERY_(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value)),
  (name) => /^CHANCERY_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$/.test(name),
];

/** A value set outside the file: by a variable, or on the command line. */
export interface Override {
  readonly path: Path;
  readonly value: unknown;
  /** The variable's name, or `command line`. */
  readonly source: string;
}

export interface Overrides {
  readonly overrides: readonly Override[];
  readonly faults: readonly ConfigFault[];
}

/** `publicUrl.https` is `CHANCERY_PUBLIC_URL__HTTPS`. */
export const variableName = (path: readonly string[]): string => PREFIX + path.map(shout).join('__');

const shout = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll('-', '_').toUpperCase();

/**
 * Reads the settings from environment variables. An empty variable counts as not set. A secret may be given as the name of a file that
 * contains it, in the variable with the suffix `_FILE`.
 */
export function readEnvironment(schema: SchemaNode, env: Readonly<Record<string, string | undefined>>): Overrides {
  const overrides: Override[] = [];
  const faults: ConfigFault[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined || value === '' || NO_SETTINGS.some((is) => is(name, value))) continue;
    const fault = (problem: string, expected: string): unknown => faults.push({ source: name, path: '', problem, expected });
    const setting = findSetting(schema, name);
    const secret = setting === undefined && name.endsWith('_FILE') ? findSetting(schema, name.slice(0, -'_FILE'.length)) : undefined;
    if (setting !== undefined) overrides.push({ path: setting.path, value: fromText(setting.node, value), source: name });
    else if (secret?.node['x-secret'] !== true) fault(`is not a setting${perhaps(schema, name)}`, `a setting of the configuration, as ${PREFIX}LISTEN__HTTPS for listen.https`);
    else if ((env[name.slice(0, -'_FILE'.length)] ?? '') !== '') fault('and the variable without _FILE are both set', 'one of them');
    else {
      try {
        overrides.push({ path: secret.path, value: readFileSync(value, 'utf8').replace(/\r?\n$/, ''), source: name });
      } catch (error) {
        fault(`names a file that cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`, 'the name of a file that holds the secret');
      }
    }
  }
  return { overrides, faults };
}

/** A value from the command line, converted like the text of a variable according to the schema's node at the path. */
export function readCommandLine(schema: SchemaNode, values: Readonly<Record<string, string>>): Override[] {
  return Object.entries(values).map(([dotted, text]) => {
    const setting = findSetting(schema, variableName(dotted.split('.')));
    if (setting === undefined) throw new TypeError(`${dotted} is not a setting of the configuration`);
    return { path: setting.path, value: fromText(setting.node, text), source: 'command line' };
  });
}

/** Ignores underscores, since where a word ends next to digits is a matter of taste: HTTP01_PORT, HTTP_01_PORT. */
const letters = (name: string): string => name.replaceAll('_', '');

/** Resolves a variable's name to a value and its path. Names of a table's members are in capitals, with `_` for `-`. */
function findSetting(schema: SchemaNode, variable: string): { readonly path: string[]; readonly node: SchemaNode } | undefined {
  const path: string[] = [];
  let node = schema;
  for (const segment of variable.slice(PREFIX.length).split('__')) {
    const name = kindOf(node) === 'table' ? segment.toLowerCase().replaceAll('_', '-') : Object.keys(node.properties ?? {}).find((key) => letters(shout(key)) === letters(segment));
    const next = name === undefined ? undefined : kindOf(node) === 'table' ? memberOf(node, name) : node.properties?.[name];
    if (name === undefined || next === undefined) return undefined;
    path.push(name);
    node = next;
  }
  return ['group', 'table'].includes(kindOf(node)) ? undefined : { path, node };
}

function memberOf(table: SchemaNode, name: string): SchemaNode | undefined {
  const { names, member } = tableOf(table);
  return names.test(name) ? member : undefined;
}

/** Converts a text to the type that the schema expects. Text that cannot be converted is kept, and reported as a fault. */
const fromText = (node: SchemaNode, text: string): unknown => FROM_TEXT[kindOf(node)]?.(text) ?? text;

const FROM_TEXT: Readonly<Partial<Record<NodeKind, (text: string) => unknown>>> = {
  number: (text) => (/^-?[0-9]+$/.test(text) ? Number(text) : undefined),
  flag: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  // a, b, c; or a list in YAML or JSON syntax.
  list: (text) => (text.startsWith('[') && text.endsWith(']') ? parsedList(text) : text.split(',').map((item) => item.trim()).filter((item) => item !== '')),
};

function parsedList(text: string): unknown {
  try {
    return parseYamlValue(text, { prettyErrors: false });
  } catch {
    return undefined;
  }
}

function perhaps(schema: SchemaNode, name: string): string {
  const table = /^CHANCERY_PROFILES__([A-Z0-9_]+?)__/.exec(name)?.[1];
  const known = [...leavesOf(schema)].map(({ path }) => variableName(path).replace('<NAME>', table ?? '<NAME>').slice(PREFIX.length));
  const near = nearestName(name.slice(PREFIX.length), known);
  return near === undefined ? '' : ` (did you mean ${PREFIX}${near}?)`;
}
