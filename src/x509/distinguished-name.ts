import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { ia5String, oid, printableString, sequence, set, utf8String } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { OID, oidName } from './oids.ts';

/** One attribute: its type as a dotted OID, its value as text. */
interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** A name consisting of single-valued RDNs, in encoding order: most general first. */
export type DistinguishedName = readonly NameAttribute[];

/** Deeper than any directory. */
const MAX_RDNS = 32;

/** Characters allowed in a value whose type defines no bound of its own. */
const MAX_CHARACTERS = 256;

interface AttributeRule {
  /** Short name for display (RFC 4514 3, RFC 4519). */
  readonly short: string;
  /** Upper bound in characters (RFC 5280 A.1, `ub-...`). */
  readonly most: number;
  /** The string type to encode; UTF8String if absent (RFC 5280 4.1.2.4). */
  readonly writes?: 'printable' | 'ia5';
  /** Syntax of the value, where it is restricted further. */
  readonly form?: RegExp;
}

const RULES: ReadonlyMap<string, AttributeRule> = new Map<string, AttributeRule>([
  [OID.commonName, { short: 'CN', most: 64 }],
  [OID.surname, { short: 'SN', most: 40 }],
  [OID.serialNumber, { short: 'serialNumber', most: 64, writes: 'printable' }],
  [OID.countryName, { short: 'C', most: 2, writes: 'printable', form: /^[A-Za-z]{2}$/ }],
  [OID.localityName, { short: 'L', most: 128 }],
  [OID.stateOrProvinceName, { short: 'ST', most: 128 }],
  [OID.streetAddress, { short: 'street', most: 128 }],
  [OID.organizationName, { short: 'O', most: 64 }],
  [OID.organizationalUnitName, { short: 'OU', most: 64 }],
  [OID.title, { short: 'title', most: 64 }],
  [OID.postalCode, { short: 'postalCode', most: 40 }],
  [OID.givenName, { short: 'GN', most: 16 }],
  [OID.dnQualifier, { short: 'dnQualifier', most: 64, writes: 'printable' }],
  [OID.userId, { short: 'UID', most: 256 }],
  [OID.domainComponent, { short: 'DC', most: 63, writes: 'ia5' }],
  [OID.emailAddress, { short: 'emailAddress', most: 255, writes: 'ia5' }],
]);

/** The attribute types in DER. */
const TYPES: ReadonlyMap<string, Uint8Array> = new Map([...RULES.keys()].map((type) => [type, oid(type)]));

/** Characters that are invisible or reverse the text direction; they have no place in a name that people read. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/u;

/** DER of a Name. Throws `bad-distinguished-name` for any value that `decodeDistinguishedName` would refuse. */
export function encodeDistinguishedName(name: DistinguishedName): Uint8Array {
  if (name.length > MAX_RDNS) throw new X509Error('bad-distinguished-name', `the name has ${name.length} parts, at most ${MAX_RDNS} are accepted`);
  return sequence(...name.map(({ type, value }) => {
    checkValue(type, value);
    const writes = RULES.get(type)?.writes;
    const text = writes === 'printable' ? printableString(value) : writes === 'ia5' ? ia5String(value) : utf8String(value);
    return set(sequence(TYPES.get(type) ?? oid(type), text));
  }));
}

/** Parses the DER of a Name, allowing no trailing bytes. Throws an `X509Error`. */
export function decodeDistinguishedName(der: Uint8Array): DistinguishedName {
  const reader = new DerReader(der);
  const name = readDistinguishedName(reader, 'name');
  reader.finish('name');
  return name;
}

/**
 * Reads a Name (RFC 5280 4.1.2.4). String types are UTF8String and PrintableString, and IA5String for mail addresses and domain components
 * only; one attribute per RDN. The empty name is valid.
 */
export function readDistinguishedName(reader: DerReader, what: string): DistinguishedName {
  const rdns = reader.sequence(what);
  const name: NameAttribute[] = [];
  while (!rdns.atEnd) {
    if (name.length === MAX_RDNS) rdns.fail('bad-distinguished-name', `${what} has more than ${MAX_RDNS} parts`);
    const rdn = rdns.set('RDN of a name');
    const attribute = rdn.sequence('attribute of a name');
    if (!rdn.atEnd) rdn.fail('multi-valued-rdn', `${what} has an RDN of several attributes; one is accepted`);
    const type = attribute.oid('attribute type of a name');
    const value = readValue(attribute, type, what);
    attribute.finish('attribute of a name');
    checkValue(type, value);
    name.push({ type, value });
  }
  return name;
}

function readValue(attribute: DerReader, type: string, what: string): string {
  const tag = attribute.peek();
  if (tag === tags.UTF8_STRING) return attribute.utf8String(what);
  if (tag === tags.PRINTABLE_STRING) return attribute.printableString(what);
  if (tag === tags.IA5_STRING && RULES.get(type)?.writes === 'ia5') return attribute.ia5String(what);
  return attribute.fail('unsupported-string-type', `${oidName(type)} in ${what} is a ${tags.tagName(tag)}; UTF8String and PrintableString are accepted`);
}

function checkValue(type: string, value: string): void {
  const rule = RULES.get(type);
  const most = rule?.most ?? MAX_CHARACTERS;
  if (value.length === 0 || value.length > most) {
    throw new X509Error('bad-distinguished-name', `${oidName(type)} has ${value.length} characters; 1 to ${most} are accepted`);
  }
  if (UNSEEN.test(value)) throw new X509Error('bad-distinguished-name', `${oidName(type)} has a control or invisible character`);
  if (rule?.form !== undefined && !rule.form.test(value)) {
    throw new X509Error('bad-distinguished-name', `${oidName(type)} is ${JSON.stringify(value)}, which is not of the form ${rule.form.source}`);
  }
}

/** The common name; undefined if there is none. Throws `bad-distinguished-name` if there are several. */
export function commonNameOf(name: DistinguishedName): string | undefined {
  const found = name.filter(({ type }) => type === OID.commonName);
  if (found.length > 1) throw new X509Error('bad-distinguished-name', `the name has ${found.length} common names, one is accepted`);
  return found[0]?.value;
}

/** For display: `CN=node1, O=Example`, most specific first (RFC 4514 2.1, with its escapes). */
export function distinguishedNameToText(name: DistinguishedName): string {
  return [...name].reverse().map(({ type, value }) => `${RULES.get(type)?.short ?? type}=${value.replace(/[\\,+"<>;]|^[ #]| $/g, '\\$&')}`).join(', ');
}
