import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isThere } from '../is-there.ts';
import { X509Error } from '../x509/errors.ts';
import { normaliseDnsName } from '../x509/dns-name.ts';
import { withFiles } from './attestation-schema.ts';
import type { Config } from './config.ts';
import { inconsistencies } from './consistency.ts';
import { absoluteWebhooks, stepSetting } from './eligibility-schema.ts';
import { type Override, readCommandLine, readEnvironment, variableName } from './environment.ts';
import { ConfigError, type ConfigFault, type Origin, type Path, pathText, type Report } from './faults.ts';
import { absoluteFiles } from './oidc-issuers.ts';
import { parseSettings } from './parse-settings.ts';
import { ConfigSchema, type Settings } from './schema.ts';
import { leavesOf, type SchemaNode } from './schema-node.ts';
import { pathKey, readYamlFile, type WrittenFile } from './yaml-file.ts';

export interface LoadOptions {
  /** The configuration file, which must exist. If absent: `CHANCERY_CONFIG`, or `chancery.yaml` in the data folder if there is one. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the command line, by path: `{ data: './ca', workers: '4' }`. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** The base of relative paths; the working directory if absent. */
  readonly folder?: string;
  /** The host name for the service's own certificate; the machine's name if absent. */
  readonly machine?: string;
}

const SCHEMA: SchemaNode = ConfigSchema as unknown as SchemaNode;

/**
 * Loads the configuration. The command line overrides the environment, which overrides the file, which overrides the defaults.
 *
 * @throws ConfigError with every fault, its place, and what was expected
 */
export function loadConfig(options: LoadOptions): Config {
  const { folder = process.cwd(), machine = hostname(), env } = options;
  const environment = readEnvironment(SCHEMA, env);
  const overrides = [...environment.overrides, ...readCommandLine(SCHEMA, options.overrides ?? {})];

  const found = findFile(options, overrides, folder);
  const written: WrittenFile = found === undefined ? NO_FILE : readYamlFile(found.path, found.shown);
  const faults: ConfigFault[] = [...environment.faults, ...written.faults];
  const faulty: Path[] = [];
  const report: Report = (path, problem, expected) => {
    faulty.push(path);
    faults.push({ ...originOf(path, overrides, written, found?.shown), path: pathText(path), problem, expected });
  };

  const settings = parseSettings(SCHEMA, overrides.reduce(withOverride, written.values), [], report) as Settings;
  const config = complete(settings, found?.path, folder, machine);
  for (const path of SECRETS.flatMap((one) => withMembers(one, written.values))) {
    // An address without a password is not a secret.
    if (!written.openToOthers || !isInFile(path, overrides, written) || (path[1] === 'url' && (config.store.url.kind === 'embedded' || config.store.url.password === undefined))) continue;
    report(path, 'is in a file that others may read', `the file's mode to be 0600, or ${variableName(path)}_FILE`);
  }
  if (found?.inData !== undefined && found.inData !== config.data) {
    report(['data'], 'is not the folder that holds this file', 'this folder, or the file to be named with --config');
  }
  const home = found === undefined ? config.data : dirname(found.path);
  const said = overrides.some(({ path }) => path[0] === 'data') || written.origins.has(pathKey(['data']));
  // Run from an unusual folder, `--config <data>/chancery.yaml` alone would start a second data folder there.
  if (!said && home !== config.data && isThere(join(home, AUTHORITIES))) {
    report(['data'], `is not said, while this file lies in the data folder ${home}`, `--data ${home}, CHANCERY_DATA, or data in this file`);
  }
  const alreadyFaulty = [...faulty];
  for (const { path, about = [], problem, expected } of inconsistencies(config)) {
    const certain = [path, ...about].every((one) => !alreadyFaulty.some((other) => isWithin(one, other) || isWithin(other, one)));
    if (certain) report(path, problem, expected);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return deepFreeze(config);
}

/** Present in a folder created by `init`. */
const AUTHORITIES = 'authorities';

const SECRETS: readonly (readonly string[])[] = [...leavesOf(SCHEMA)].filter(({ node }) => node['x-secret']).map(({ path }) => path);

/** Expands the path once for each member of the tables along it. */
function withMembers(path: readonly string[], values: unknown): readonly (readonly string[])[] {
  const [first, ...rest] = path;
  if (first === undefined) return [[]];
  if (typeof values !== 'object' || values === null) return first === '<name>' ? [] : [path];
  const names = first === '<name>' ? Object.keys(values) : [first];
  return names.flatMap((name) => withMembers(rest, (values as Readonly<Record<string, unknown>>)[name]).map((below) => [name, ...below]));
}

const NO_FILE: WrittenFile = { values: undefined, origins: new Map(), faults: [], openToOthers: false };

interface FoundFile {
  readonly path: string;
  /** As given by the user, for messages. */
  readonly shown: string;
  /** The data folder in which it was found, if it was not named. */
  readonly inData?: string;
}

function findFile({ file, env }: LoadOptions, overrides: readonly Override[], folder: string): FoundFile | undefined {
  const named = file ?? (env['CHANCERY_CONFIG'] === '' ? undefined : env['CHANCERY_CONFIG']);
  if (named !== undefined) return { path: resolve(folder, named), shown: named };
  const data = String(overrides.findLast(({ path }) => pathText(path) === 'data')?.value ?? SCHEMA.properties?.['data']?.default);
  const shown = join(data, 'chancery.yaml');
  const path = resolve(folder, shown);
  return isThere(path) ? { path, shown, inData: resolve(folder, data) } : undefined;
}

/** The tree with one value set, unless something stands in the way that is reported as a fault of its own. */
function withOverride(tree: unknown, { path, value }: Override): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (tree !== undefined && tree !== null && (typeof tree !== 'object' || Array.isArray(tree))) return tree;
  const members = (tree ?? {}) as Readonly<Record<string, unknown>>;
  return { ...members, [first]: withOverride(members[first], { path: rest, value, source: '' }) };
}

/** Where the value at a path, or its nearest ancestor, was set. */
function originOf(path: Path, overrides: readonly Override[], { origins }: WrittenFile, file: string | undefined): Origin {
  const override = overrides.findLast((candidate) => isWithin(path, candidate.path));
  if (override !== undefined) return { source: override.source };
  for (let length = path.length; length >= 0; length--) {
    const origin = origins.get(pathKey(path.slice(0, length)));
    if (origin !== undefined) return origin;
  }
  return { source: file ?? 'configuration' };
}

const isWithin = (path: Path, outer: Path): boolean => outer.every((part, index) => path[index] === part);

const isInFile = (path: Path, overrides: readonly Override[], written: WrittenFile): boolean =>
  written.origins.has(pathKey(path)) && !overrides.some((override) => isWithin(path, override.path));

/** Fills in what depends on the environment: absolute paths, the machine's name, and the store next to the keys. */
function complete(settings: Settings, file: string | undefined, folder: string, machine: string): Config {
  const data = resolve(folder, settings.data);
  const { url = { kind: 'embedded', folder: join(data, 'store') }, tls } = settings.store;
  const { serverName, ...files } = tls;
  return {
    ...settings,
    file,
    data,
    runtime: settings.runtime === undefined ? data : resolve(folder, settings.runtime),
    hostNamesGiven: settings.hostNames !== undefined,
    hostNames: settings.hostNames ?? usualHostNames(machine, settings.publicUrl.https),
    httpsCertificate: Object.fromEntries(Object.entries(settings.httpsCertificate).map(([name, path]) => [name, resolve(folder, path)])),
    store: {
      ...settings.store,
      url: url.kind === 'embedded' ? { ...url, folder: resolve(folder, url.folder) } : url,
      tls: { ...Object.fromEntries(Object.entries(files).map(([name, path]) => [name, resolve(folder, path)])), ...(serverName === undefined ? {} : { serverName }) },
    },
    oidc: absoluteFiles(settings.oidc, (path) => resolve(folder, path)),
    attestation: withFiles(settings.attestation, (path) => resolve(folder, path)),
    eligibility: settings.eligibility.map(stepSetting),
    webhooks: absoluteWebhooks(settings.webhooks, (path) => resolve(folder, path)),
    keys: { ...settings.keys, debianBlockLists: settings.keys.debianBlockLists.map((path) => resolve(folder, path)) },
  };
}

function usualHostNames(machine: string, publicUrl: string | undefined): string[] {
  const outside = publicUrl === undefined ? [] : [new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, '$1')];
  return [...new Set(['localhost', '127.0.0.1', '::1', ...asHostName(machine), ...outside])];
}

/** A machine's name may be one that certificates do not allow (`build_host`). */
function asHostName(machine: string): string[] {
  try {
    return [normaliseDnsName(machine, false)];
  } catch (error) {
    if (error instanceof X509Error) return [];
    throw error;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
