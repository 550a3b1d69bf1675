import { parsePublicKey, type SshPublicKey } from './public-key.ts';
import { SshError } from './wire.ts';

/** The contents of a known_hosts file (sshd(8)). */
export interface KnownHosts {
  /** The hosts that have this key. */
  readonly hostsOf: (key: SshPublicKey) => readonly string[];
  /** Those of the hosts named in a certificate of this authority for which it is trusted. */
  readonly certifiedBy: (authority: SshPublicKey, hosts: readonly string[]) => readonly string[];
  readonly isRevoked: (key: SshPublicKey) => boolean;
}

interface Line {
  readonly marker: string | undefined;
  readonly hosts: readonly string[];
  readonly blob: Buffer;
}

/**
 * Parses known_hosts lines: plain ones, `@cert-authority` and `@revoked`.
 * Throws SshError for anything else, and for lines that do not name specific hosts: hashed names, and (except for authorities) patterns.
 */
export function parseKnownHosts(text: string): KnownHosts {
  const lines = text.split(/\r?\n/).flatMap((line, index) => {
    try {
      return /^\s*(#|$)/.test(line) ? [] : [parseLine(line.trim())];
    } catch (error) {
      throw error instanceof SshError ? new SshError(`line ${index + 1}: ${error.message}`, { cause: error }) : error;
    }
  });
  const of = (key: SshPublicKey, marker: string | undefined): Line[] => lines.filter((line) => line.marker === marker && line.blob.equals(key.blob));
  return {
    hostsOf: (key) => [...new Set(of(key, undefined).flatMap(({ hosts }) => hosts))],
    certifiedBy: (authority, hosts) => {
      const trusted = of(authority, '@cert-authority');
      return hosts.map((host) => host.toLowerCase()).filter((host) => trusted.some((line) => matchesHost(line.hosts, host)));
    },
    isRevoked: (key) => of(key, '@revoked').length > 0,
  };
}

function parseLine(line: string): Line {
  const fields = line.split(/[ \t]+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  const [names = '', type = '', base64 = ''] = fields;
  if (marker !== undefined && marker !== '@cert-authority' && marker !== '@revoked') throw new SshError(`the marker ${marker} is unknown`);
  const blob = Buffer.from(base64, 'base64');
  if (blob.length === 0 || blob.toString('base64') !== base64) throw new SshError('expected hosts, a key type and a key in base64');
  const key = parsePublicKey(blob);
  if (key.type !== type) throw new SshError(`the key is of type ${key.type}, not ${type}`);
  if (names.startsWith('|')) throw new SshError('the hosts are hashed; expected plain ones, as with HashKnownHosts no');
  const hosts = names.toLowerCase().split(',').map((name) => /^\[([^\]]+)\]:\d+$/.exec(name)?.[1] ?? name);
  if (marker === undefined && hosts.some((host) => /[*?!]/.test(host))) throw new SshError('the hosts of a key are given by patterns; expected names, since a key belongs to one host');
  return { marker, hosts, blob };
}

/** ssh_config(5), PATTERNS: at least one must match, and none of those negated with `!`. */
function matchesHost(patterns: readonly string[], host: string): boolean {
  if (patterns.some((pattern) => pattern.startsWith('!') && matchesPattern(pattern.slice(1), host))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matchesPattern(pattern, host));
}

/** `*` matches any run of characters, `?` a single one. The work is bounded by the product of the lengths. */
function matchesPattern(pattern: string, host: string): boolean {
  let places: readonly boolean[] = Array.from({ length: host.length + 1 }, (_, index) => index === 0);
  for (const character of pattern) {
    let run = false;
    places = places.map((_, index) => {
      if (character === '*') return (run ||= places[index] === true);
      return index > 0 && places[index - 1] === true && (character === '?' || host[index - 1] === character);
    });
  }
  return places[host.length] === true;
}
