import type { DerReader } from './der/reader.ts';
import { contextTag, tagName } from './der/tags.ts';
import { contextPrimitive, ia5Bytes } from './der/writer.ts';
import { normaliseDnsName } from './dns-name.ts';
import { X509Error } from './errors.ts';
import { formatIpAddress, isV4Mapped, parseIpAddress } from './ip-address.ts';
import { isSpiffe, spiffeFault } from './spiffe-id.ts';

export type NameKind = 'dns' | 'ip' | 'email' | 'uri';

/** A name in canonical form: two names are the same if and only if kind and value are equal. */
export interface GeneralName {
  readonly kind: NameKind;
  readonly value: string;
}

/** Upper bound of names in one list. Policy has a lower one; this bounds the work done before policy is consulted. */
const MAX_NAMES = 1000;

/** RFC 5321 4.5.3.1.1 and 4.5.3.1.3 (a path of 256 octets includes two angle brackets). */
const MAX_LOCAL_PART = 64;
const MAX_EMAIL = 254;
const MAX_URI = 2048;

/** Context tag numbers of GeneralName, RFC 5280 4.2.1.6. */
export const NAME_TAGS: Readonly<Record<NameKind, number>> = { email: 1, dns: 2, uri: 6, ip: 7 };

const REFUSED: Readonly<Record<number, string>> = {
  0xa0: 'otherName',
  0xa3: 'x400Address',
  0xa4: 'directoryName',
  0xa5: 'ediPartyName',
  0x88: 'registeredID',
};

const EMAIL_TAG = contextTag(NAME_TAGS.email);
const DNS_TAG = contextTag(NAME_TAGS.dns);
const URI_TAG = contextTag(NAME_TAGS.uri);
const IP_TAG = contextTag(NAME_TAGS.ip);

/** Puts a name of a known kind into canonical form. Throws an `X509Error` that says what is wrong with it. */
function normaliseName(kind: NameKind, text: string): GeneralName {
  if (kind === 'dns') return { kind, value: normaliseDnsName(text, true) };
  if (kind === 'email') return { kind, value: normaliseEmail(text) };
  if (kind === 'uri') return { kind, value: normaliseUri(text) };
  return { kind, value: ipText(parseIpAddress(text) ?? notAnAddress(text)) };
}

/** Recognises a name from text: an IP address, a URI by `://` or `urn:`, a mail address by `@`, otherwise a DNS name. */
export function textToName(text: string): GeneralName {
  if (parseIpAddress(text) !== undefined) return normaliseName('ip', text);
  if (text.includes('://') || /^urn:/i.test(text)) return normaliseName('uri', text);
  return normaliseName(text.includes('@') ? 'email' : 'dns', text);
}

/** The text from which `textToName` yields the same name. */
export const nameToText = (name: GeneralName): string => name.value;

/** GeneralName, DER. */
export function encodeGeneralName(name: GeneralName): Uint8Array {
  return contextPrimitive(NAME_TAGS[name.kind], name.kind === 'ip' ? parseIpAddress(name.value) ?? notAnAddress(name.value) : ia5Bytes(name.value));
}

function notAnAddress(text: string): never {
  throw new X509Error('bad-ip-address', `${quote(text)} is not an IP address`);
}

/** Reads GeneralNames (RFC 5280 4.2.1.6) into canonical form, without duplicates; 1 to 1,000 of the four kinds. Throws an `X509Error`. */
export function readGeneralNames(reader: DerReader, what: string): GeneralName[] {
  const list = reader.sequence(what);
  if (list.atEnd) list.fail('empty-list', `${what} is empty; at least one name is needed`);
  const names: GeneralName[] = [];
  const seen = new Set<string>();
  let count = 0;
  while (!list.atEnd) {
    if (++count > MAX_NAMES) list.fail('too-many-names', `${what} has more than ${MAX_NAMES} names`);
    const name = readGeneralName(list, what);
    // Comparing values suffices: no text is canonical in two kinds.
    if (seen.has(name.value)) continue;
    seen.add(name.value);
    names.push(name);
  }
  return names;
}

/** One GeneralName of the four kinds. */
function readGeneralName(reader: DerReader, what: string): GeneralName {
  const tag = reader.peek();
  if (tag === DNS_TAG) return { kind: 'dns', value: normaliseDnsName(reader.ia5String('DNS name', tag), true) };
  if (tag === IP_TAG) return { kind: 'ip', value: ipText(reader.content(tag, 'IP address')) };
  if (tag === EMAIL_TAG) return { kind: 'email', value: normaliseEmail(reader.ia5String('mail address', tag)) };
  if (tag === URI_TAG) return { kind: 'uri', value: normaliseUri(reader.ia5String('URI', tag)) };
  return reader.fail('unsupported-name-kind', `${what} has a name of kind ${REFUSED[tag] ?? tagName(tag)}; dNSName, iPAddress, rfc822Name and URI are accepted`);
}

function ipText(octets: Uint8Array): string {
  if (isV4Mapped(octets)) throw new X509Error('bad-ip-address', `${formatIpAddress(octets)} is an IPv4 address written as IPv6`);
  return formatIpAddress(octets);
}

/** Local part as a dot-atom (RFC 5321 4.1.2, RFC 5280 4.2.1.6), case preserved; domain in lower case. */
function normaliseEmail(text: string): string {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  if (at < 1 || text.length > MAX_EMAIL || local.length > MAX_LOCAL_PART || !/^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(local)) {
    throw new X509Error('bad-email', `${quote(text)} is not a mail address of the form name@host`);
  }
  return `${local}@${normaliseDnsName(text.slice(at + 1), false)}`;
}

/**
 * An absolute URI with a host (RFC 5280 4.2.1.6), or a URN, using the characters of RFC 3986 2; scheme and host in lower case. Path and
 * query are left untouched, since other programs compare them octet for octet. SPIFFE IDs follow rules of their own.
 */
function normaliseUri(text: string): string {
  const fail = (why: string): never => {
    throw new X509Error('bad-uri', `${quote(text)} ${why}`);
  };
  if (text.length > MAX_URI) fail(`has ${text.length} characters; at most ${MAX_URI} are accepted`);
  if (!/^([\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$/.test(text)) fail('has characters that a URI may not have, or an unfinished %');
  if (isSpiffe(text)) {
    const id = text.replace(/^[a-z]+:\/\/[^/]*/i, (start) => start.toLowerCase());
    const fault = spiffeFault(id);
    return fault === undefined ? id : fail(`${fault} (a SPIFFE ID)`);
  }
  if (/^urn:[a-z0-9][a-z0-9-]{0,30}[a-z0-9]:[^#]+$/i.test(text)) return `urn${text.slice(3)}`;

  const [, scheme, user, bracketed, host, port, rest] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@]*@)?(?:\[([^\]]*)\]|([^/?#@:[\]]*))(:[0-9]{1,5})?([/?#][^[\]]*)?$/i.exec(text) ?? [];
  if (scheme === undefined) return fail('is not an absolute URI of the form scheme://host/path, nor a URN');
  if (user !== undefined) fail('has a user or password before its host');
  return `${scheme.toLowerCase()}://${bracketed === undefined ? uriHost(host ?? '', fail) : `[${v6Host(bracketed, fail)}]`}${port ?? ''}${rest ?? ''}`;
}

function uriHost(host: string, fail: (why: string) => never): string {
  const octets = parseIpAddress(host);
  if (octets !== undefined) return formatIpAddress(octets);
  try {
    return normaliseDnsName(host, false);
  } catch (error) {
    return fail(`has a host that is neither a DNS name nor an address (${error instanceof X509Error ? error.detail : String(error)})`);
  }
}

function v6Host(text: string, fail: (why: string) => never): string {
  const octets = text.includes(':') ? parseIpAddress(text) : undefined;
  return octets === undefined ? fail('has a host in brackets that is not an IPv6 address') : ipText(octets);
}

const quote = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
