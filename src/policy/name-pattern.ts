import { isIP } from 'node:net';
import type { GeneralName } from '../x509/general-name.ts';

/** A name that somebody wants certified: one of the SAN's kinds, or a plain text that is only a common name. */
export type Name = GeneralName | { readonly kind: 'text'; readonly value: string };

export type NameKind = Name['kind'];

export interface NamePattern {
  readonly text: string;
  readonly matches: (name: Name) => boolean;
}

/** A pattern that says nothing sensible. `message` names the pattern and what was expected. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const PATTERN_MOST = 1024;

/**
 * Compiles a pattern for names.
 *
 * | pattern | matches |
 * |---|---|
 * | `node1.example.com` | that name |
 * | `*.example.com` | one label more, no deeper (RFC 6125 6.4.3) |
 * | `**.example.com` | one label more, or several |
 * | `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32` | that address, addresses of that network |
 * | `ops@example.com`, `*@example.com` | that mailbox, every mailbox of that host |
 * | `spiffe://example.com/ci`, `…/*`, `…/**` | that URI, one path segment more, every URI below |
 * | `*` | every name |
 *
 * @throws PatternError
 */
export function compileNamePattern(text: string): NamePattern {
  if (text.length === 0 || text.length > PATTERN_MOST) throw new PatternError(`a name pattern has 1 to ${PATTERN_MOST} characters`);
  const form = FORMS.find((candidate) => candidate.is(text));
  if (form === undefined) {
    throw new PatternError(`"${text}" is no name pattern: expected a name, *.domain, **.domain, an address or network, *@host, a URI (ending in /* or /**), or *`);
  }
  const matches = form.compile(text);
  return { text, matches };
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
  { is: (text) => text.startsWith('*@') && DOMAIN.test(text.slice(2).toLowerCase()), compile: compileMailHost },
  { is: (text) => /^\*\*?\./.test(text) && DOMAIN.test(text.replace(/^\*\*?\./, '').toLowerCase()), compile: compileBelow },
  { is: (text) => !/[*/]/.test(text) && !hasControl(text), compile: compileExact },
];

function compileExact(text: string): (name: Name) => boolean {
  const wanted = text.toLowerCase();
  // The local part of a mailbox is case-sensitive (RFC 5321 2.4), a plain text too.
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
  const host = text.slice(1).toLowerCase();
  return (name) => name.kind === 'email' && name.value.toLowerCase().endsWith(host) && name.value.indexOf('@') === name.value.length - host.length;
}

function compileUri(text: string): (name: Name) => boolean {
  const tail = /\/\*\*?$/.exec(text)?.[0];
  const base = tail === undefined ? text : text.slice(0, text.length - tail.length + 1);
  if (base.includes('*')) throw new PatternError(`"${text}": a URI pattern has its * at the end, after a /`);
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+/.test(base)) throw new PatternError(`"${text}": a URI pattern begins with a scheme and a host`);
  if (tail === undefined) return (name) => name.kind === 'uri' && name.value === base;
  return (name) => {
    if (name.kind !== 'uri' || !name.value.startsWith(base)) return false;
    const rest = name.value.slice(base.length);
    // Dot segments would climb out of the base in whoever resolves them (RFC 3986 5.2.4).
    return rest.length > 0 && (tail === '/**' || !rest.includes('/')) && !rest.split('/').some((segment) => segment === '.' || segment === '..');
  };
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

/** The address as a number. Its text must be one that `net.isIP` takes. */
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
