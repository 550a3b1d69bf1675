/** The location of the store. */
export type StoreLocation =
  | { readonly kind: 'embedded'; readonly folder: string }
  | RedisLocation;

export interface RedisLocation {
  readonly kind: 'redis';
  readonly topology: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  /** In lower case, without brackets. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** The name of the primary in the sentinels' configuration. */
  readonly name?: string;
  readonly database: number;
  readonly user?: string;
  readonly password?: string;
}

/** A description of valid addresses. */
export const STORE_ADDRESSES = 'embedded:<folder>, redis://<host>:<port>, redis+sentinel://<host>,<host>/<name> or redis+cluster://<host>,<host>, with rediss for TLS';

/** An approximate pattern, for editors that use the JSON Schema. */
export const STORE_ADDRESS_PATTERN = '^(embedded:.+|rediss?(\\+(sentinel|cluster))?://.+)$';

const PORTS = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;
const MOST_HOSTS = 32;
const MOST_DATABASE = 65_535;

/** Parses the address, or returns every fault in it. No fault quotes the text: any part may belong to a password. */
export function readStoreAddress(text: string): { readonly location: StoreLocation } | { readonly faults: readonly string[] } {
  const folder = /^embedded:(.+)$/s.exec(text)?.[1];
  if (folder !== undefined) return { location: { kind: 'embedded', folder } };
  const [, scheme = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/s.exec(text) ?? [];
  const [, tls = '', kind = 'single'] = /^redis(s?)(?:\+(sentinel|cluster))?$/.exec(scheme) ?? [];
  if (!/^rediss?(\+|$)/.test(scheme) || scheme !== `redis${tls}${kind === 'single' ? '' : `+${kind}`}`) return { faults: ['is not an address of a store'] };
  const topology = kind as RedisLocation['topology'];
  const faults: string[] = [];

  const [, authority = '', path = '', more = ''] = /^([^/?#]*)\/?([^?#]*)(.*)$/s.exec(rest) ?? [];
  if (more !== '') faults.push('has a query or fragment, which no store accepts (in a password write ? as %3F, # as %23, / as %2F)');
  const at = authority.lastIndexOf('@');
  const [, userText = '', passwordText] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, Math.max(0, at))) ?? [];
  const user = decoded(userText);
  const password = passwordText === undefined ? undefined : decoded(passwordText);
  if (user === undefined || (passwordText !== undefined && password === undefined)) faults.push('has a user or password that is not percent-encoded (write % as %25)');

  const written = authority.slice(at + 1).split(',');
  const hosts = written.map((one) => readHost(one, PORTS[topology]));
  const bad = hosts.flatMap((host, index) => (host === undefined ? [index + 1] : []));
  if (authority.slice(at + 1) === '') faults.push('names no host');
  else if (bad.length > 0) faults.push(`has ${written.length === 1 ? 'a host' : `a host (the ${bad.map(ordinal).join(' and ')})`} that is not host, host:port or [address]:port`);
  if (topology === 'single' && written.length > 1) faults.push('names several hosts, as only redis+sentinel and redis+cluster do');
  if (written.length > MOST_HOSTS) faults.push(`names more than ${MOST_HOSTS} hosts`);

  const parts = path.split('/').filter((part) => part !== '');
  const name = topology === 'sentinel' ? parts.shift() : undefined;
  if (topology === 'sentinel' && (name === undefined || !/^[A-Za-z0-9._-]+$/.test(name))) {
    faults.push('does not end with the name that the sentinels have for the primary, as in redis+sentinel://a,b,c/name');
  }
  const [databaseText = '0', ...rests] = parts;
  const database = /^[0-9]{1,5}$/.test(databaseText) ? Number(databaseText) : NaN;
  if (rests.length > 0 || !(database <= MOST_DATABASE)) faults.push('ends with something that is not the number of a database');
  else if (topology === 'cluster' && database !== 0) faults.push('names a database, but a Cluster has only number 0');

  if (faults.length > 0) return { faults };
  return { location: {
    kind: 'redis', topology, tls: tls === 's', hosts: hosts.filter((host) => host !== undefined), database,
    ...(name === undefined ? {} : { name }),
    ...(user === undefined || user === '' ? {} : { user }),
    ...(password === undefined || password === '' ? {} : { password }),
  } };
}

const ordinal = (number: number): string => `${number}${['th', 'st', 'nd', 'rd'][number > 3 ? 0 : number] ?? 'th'}`;

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Also accepts names with underscores, as container networks use them. */
function readHost(text: string, standardPort: number): { readonly host: string; readonly port: number } | undefined {
  const [, address, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const host = (address ?? name)?.toLowerCase();
  const port = digits === undefined ? standardPort : Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
