import { isIP } from 'node:net';
import type { GeneralName } from '../x509/general-name.ts';
import { isSpiffe, spiffeFault } from '../x509/spiffe-id.ts';

/** A name to be certified: one of the SAN kinds, or free text that can only be a common name. */
export type Name = GeneralName | { readonly kind: 'text'; readonly value: string };

export type NameKind = Name['kind'];

export interface NamePattern {
  readonly text: string;
  readonly matches: (name: Name) => boolean;
}

/** An invalid pattern. `message` quotes the pattern and says what was expected. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const PATTERN_MOST = 1024;

/**
 * Compiles a name pattern.
 *
 * | pattern | matches |
 * |---|---|
 * | `node1.example.com` | that name |
 * | `*.example.com` | one more label, no deeper (RFC 6125 6.4.3) |
 * | `**.example.com` | one or more additional labels |
 * | `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32` | that address, addresses of that network |
 * | `ops@example.com`, `*@example.com` | that mailbox, every mailbox of that host |
 * | `*@*.example.com`, `*@**.example.com` | every mailbox of hosts one label below, of hosts any number of labels below |
 * | `spiffe://example.com/ci`, `…/*`, `…/**` | that URI, one more path segment, every URI below |
 * | `spiffe://example.com/ns/*` + `/sa/web` | any single segment in place of the `*` |
 * | `spiffe://*.example.com/ci` | that path in trust domains one label below; `**.` for any number of labels |
 * | `*` | every name |
 *
 * @throws PatternError
 */
export function compileNamePattern(text: string): NamePattern {
  if (text.length === 0 || text.length > PATTERN_MOST) throw new PatternError(`a name pattern has 1 to ${PATTERN_MOST} characters`);
  const form = FORMS.find((candidate) => candidate.is(text));
  if (form === undefined) {
    throw new PatternError(`"${text}" is not a name pattern: expected a name, *.domain, **.domain, an address or network, *@host, a URI (with * for a segment of its path, ** for the rest of it), or *`);
  }
  const matches = form.compile(text);
  return { text, matches };
}

/** Explains what is wrong with a pattern; undefined if nothing is. */
export function patternFault(text: string): string | undefined {
  try {
    compileNamePattern(text);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

interface Form {
  readonly is: (text: string) => boolean;
  readonly compile: (text: string) => (name: Name) => boolean;
}

const FORMS: readonly Form[] = [
  { is: (text) => text === '*', compile: () => () => true },
  { is: (text) => text.includes('://'), compile: compileUri },
  { is: (text) => isNetwork(text), compile: compileNetwork },
  { is: (text) => isIP(text) !== 0, compile: (text) => compileNetwork(`${text}/${isIP(text) === 4 ? 32 : 128}`) },
  { is: (text) => text.startsWith('*@') && DOMAIN.test(text.slice(2).replace(/^\*\*?\./, '').toLowerCase()), compile: compileMailHost },
  { is: (text) => /^\*\*?\./.test(text) && DOMAIN.test(text.replace(/^\*\*?\./, '').toLowerCase()), compile: compileBelow },
  { is: (text) => !/[*/]/.test(text) && !hasControl(text), compile: compileExact },
];

function compileExact(text: string): (name: Name) => boolean {
  const wanted = text.toLowerCase();
  // The local part of a mailbox is case-sensitive (RFC 5321 2.4), and so is free text.
  return (name) => (name.kind === 'dns' || name.kind === 'ip' ? name.value === wanted : name.value === text);
}

function compileBelow(text: string): (name: Name) => boolean {
  const deep = text.startsWith('**');
  const suffix = text.slice(deep ? 2 : 1).toLowerCase();
  return (name) => {
    if (name.kind !== 'dns' || !name.value.endsWith(suffix)) return false;
    const front = name.value.slice(0, -suffix.length);
    return front.length > 0 && (deep || !front.includes('.'));
  };
}

function compileMailHost(text: string): (name: Name) => boolean {
  const below = /^\*\*?\./.test(text.slice(2)) ? compileBelow(text.slice(2)) : undefined;
  const exact = text.slice(2).toLowerCase();
  return (name) => {
    if (name.kind !== 'email') return false;
    const at = name.value.indexOf('@');
    // The host follows the only @: others could occur only within quotes, which are not accepted.
    const host = name.value.slice(at + 1).toLowerCase();
    return at > 0 && !host.includes('@') && (below === undefined ? host === exact : below({ kind: 'dns', value: host }));
  };
}

const TRUST_DOMAIN_BELOW = /^spiffe:\/\/(\*\*?\.[^/]+)\//;

/**
 * Compiles a URI pattern: `*` stands for one whole path segment, a final `**` for one or more. In a SPIFFE ID, whose trust domain has neither
 * port nor user, the trust domain may begin with `*.` or `**.` as well.
 */
function compileUri(text: string): (name: Name) => boolean {
  const below = TRUST_DOMAIN_BELOW.exec(text)?.[1];
  const [, start, path = ''] = /^([a-z][a-z0-9+.-]*:\/\/[^/\s*]+|spiffe:\/\/\*\*?\.[^/\s*]+)(\/.*)?$/.exec(text) ?? [];
  if (start === undefined) throw new PatternError(`"${text}": a URI pattern begins with a scheme and a host without *`);
  const segments = path.split('/').slice(1);
  const wrong = segments.find((segment, at) => segment.includes('*') && segment !== '*' && !(segment === '**' && at === segments.length - 1));
  if (wrong !== undefined) throw new PatternError(`"${text}": in a URI pattern * stands for one whole segment of the path, and ** for the rest of it, at the end`);
  if (below === undefined && !path.includes('*')) {
    if (isSpiffe(text)) refuseBadSpiffe(text, text);
    return (name) => name.kind === 'uri' && name.value === text;
  }
  if (isSpiffe(text)) refuseBadSpiffe(text, `spiffe://${(below ?? start.slice('spiffe://'.length)).replace(/^\*+\./, '')}${path.replaceAll('*', 'a')}`);
  const matchesHost = below === undefined ? undefined : compileBelow(below);
  const deep = segments.at(-1) === '**';
  const fixed = deep ? segments.slice(0, -1) : segments;
  return (name) => {
    if (name.kind !== 'uri') return false;
    const at = name.value.indexOf('/', name.value.indexOf('://') + 3);
    const host = at < 0 ? name.value : name.value.slice(0, at);
    if (matchesHost === undefined ? host !== start : !host.startsWith('spiffe://') || !matchesHost({ kind: 'dns', value: host.slice('spiffe://'.length) })) return false;
    const given = at < 0 ? [] : name.value.slice(at + 1).split('/');
    if (deep ? given.length <= fixed.length : given.length !== fixed.length) return false;
    // Queries and fragments belong to no segment; dot segments could escape upwards when resolved (RFC 3986 5.2.4).
    const plain = given.every((segment, index) => segment === fixed[index] || !(segment === '.' || segment === '..' || /[?#]/.test(segment)));
    return plain && given.at(-1) !== '' && fixed.every((segment, index) => (segment === '*' ? given[index] !== '' : given[index] === segment));
  };
}

/** @param sample the pattern with each `*` replaced by some text */
function refuseBadSpiffe(text: string, sample: string): void {
  const fault = spiffeFault(sample);
  if (fault !== undefined) throw new PatternError(`"${text}" ${fault} (a SPIFFE ID)`);
}

function isNetwork(text: string): boolean {
  const [address, bits, ...more] = text.split('/');
  if (address === undefined || bits === undefined || more.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

function compileNetwork(text: string): (name: Name) => boolean {
  const [address = '', bits = '0'] = text.split('/');
  const network = addressBits(address);
  const shift = BigInt(network.width - Number(bits));
  if ((network.value >> shift) << shift !== network.value) throw new PatternError(`"${text}": the address has bits set beyond /${bits}`);
  return (name) => {
    if (name.kind !== 'ip') return false;
    const candidate = addressBits(name.value);
    return candidate.width === network.width && candidate.value >> shift === network.value >> shift;
  };
}

/** The address as a number. The text must satisfy `net.isIP`. */
function addressBits(text: string): { readonly width: 32 | 128; readonly value: bigint } {
  if (isIP(text) === 4) return { width: 32, value: BigInt(ipv4Number(text)) };
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const plain = embedded === null ? text : `${embedded[1]}${ipv4Number(embedded[2] ?? '').toString(16).padStart(8, '0').replace(/^(.{4})/, '$1:')}`;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? front : [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back];
  return { width: 128, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

const ipv4Number = (text: string): number => text.split('.').reduce((value, octet) => value * 256 + Number(octet), 0);

const hasControl = (text: string): boolean => /[\u0000-\u001f\u007f]/.test(text);
