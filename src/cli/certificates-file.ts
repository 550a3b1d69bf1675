import { dirname, resolve } from 'node:path';
import type { Entry } from '../agent/daemon/entry.ts';
import { LAYOUTS, type Layout } from '../agent/layout.ts';
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../authority/keys/generate.ts';
import { parseServiceUrl } from '../client/address.ts';
import { formatDuration } from '../config/duration.ts';
import { ConfigError, type ConfigFault, pathText, type Report } from '../config/faults.ts';
import { parseSettings } from '../config/parse-settings.ts';
import type { SchemaNode } from '../config/schema-node.ts';
import { pathKey, readYamlFile } from '../config/yaml-file.ts';

interface Written {
  readonly folder: string;
  readonly url?: string;
  readonly profile?: string;
  readonly names?: readonly string[];
  readonly tokenFile?: string;
  readonly layout: Layout;
  readonly keyType: KeyAlgorithm;
  /** Seconds. */
  readonly validity?: number;
  readonly exec?: string;
  readonly reuseKey: boolean;
}

const TEXT: SchemaNode = { type: 'string', minLength: 1, maxLength: 4096 };
const MOST = 1000;

const CERTIFICATE: SchemaNode = {
  type: 'object',
  properties: {
    folder: { ...TEXT, description: 'the folder that the files are in' },
    url: { 'x-form': 'httpsUrl' },
    profile: TEXT,
    names: { type: 'array', items: TEXT, minItems: 1 },
    tokenFile: TEXT,
    layout: { enum: LAYOUTS, default: 'plain' },
    keyType: { enum: KEY_ALGORITHMS, default: 'P-256' },
    validity: { 'x-form': 'duration' },
    exec: TEXT,
    reuseKey: { type: 'boolean', default: false },
  },
  required: ['folder', 'layout', 'keyType', 'reuseKey'],
};
const SCHEMA: SchemaNode = { type: 'object', properties: { url: { 'x-form': 'httpsUrl' }, certificates: { type: 'array', items: CERTIFICATE, minItems: 1 } }, required: ['certificates'] };

/**
 * Reads a list of certificates to keep renewed: YAML, and therefore also JSON. Paths are relative to the file.
 * @throws ConfigError with every fault and its line
 */
export function readCertificatesFile(file: string): readonly Entry[] {
  const written = readYamlFile(file, file);
  const faults: ConfigFault[] = [...written.faults];
  const report: Report = (path, problem, expected) => {
    const origin = path.map((_, index) => written.origins.get(pathKey(path.slice(0, path.length - index)))).find((found) => found !== undefined);
    faults.push({ ...(origin ?? { source: file }), path: pathText(path), problem, expected });
  };
  const { url, certificates = [] } = (parseSettings(SCHEMA, written.values, [], report) ?? {}) as { readonly url?: string; readonly certificates?: readonly Written[] };
  if (certificates.length > MOST) report(['certificates'], `has ${certificates.length} entries`, `at most ${MOST}`);
  const entries = faults.length > 0 ? [] : certificates.map((one, index) => entryOf(one, url, dirname(resolve(file)), (problem, expected) => report(['certificates', index], problem, expected)));
  entries.forEach(({ folder, profile }, index) => {
    const other = entries.findIndex((one) => one.folder === folder && (one.profile === undefined || profile === undefined || one.profile === profile));
    if (other < index) report(['certificates', index, 'folder'], `is that of certificates[${other}] too`, 'each folder once, or entries with a profile each');
  });
  if (faults.length > 0) throw new ConfigError(faults, `the list ${file}`);
  return entries;
}

function entryOf(written: Written, defaultUrl: string | undefined, base: string, fault: (problem: string, expected: string) => void): Entry {
  const { folder, names, tokenFile, profile, exec, reuseKey, layout, keyType, validity } = written;
  const url = written.url ?? defaultUrl;
  const enrolls = tokenFile !== undefined;
  if (enrolls && (names === undefined || url === undefined)) {
    fault(`has a tokenFile, but no ${names === undefined ? 'names' : 'url'}`, 'tokenFile, names and url for a certificate that is to be enrolled');
  }
  if (!enrolls && names !== undefined) fault('has names, but no tokenFile', 'names only for a certificate that is to be enrolled; one that is there is renewed with the names that it has');
  const address = url === undefined ? undefined : parseServiceUrl(url);
  return {
    folder: resolve(base, folder), url: address, profile, exec, reuseKey,
    enrolling: !enrolls || names === undefined || address === undefined ? undefined
      : { url: address, tokenFile: resolve(base, tokenFile), names, layout, keyType, validity: validity === undefined ? undefined : formatDuration(validity) },
  };
}
