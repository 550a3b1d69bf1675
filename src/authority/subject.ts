import { type DistinguishedName, encodeDistinguishedName } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { OID } from '../x509/oids.ts';
import { refuse } from './errors.ts';

/** The attribute types of RFC 4514 3 that occur in names of CAs. */
const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ['CN', OID.commonName],
  ['O', OID.organizationName],
  ['OU', OID.organizationalUnitName],
  ['L', OID.localityName],
  ['ST', OID.stateOrProvinceName],
  ['C', OID.countryName],
  ['DC', OID.domainComponent],
]);

const MOST_TEXT = 1024;
/** Characters that may follow a backslash (RFC 4514 2.4); the hexadecimal form is not supported. */
const ESCAPABLE = ' "#+,;<=>\\';

/**
 * Parses a subject in the order of RFC 4514 (`CN=Example Root,O=Example,C=DE`): the most specific part first, which comes last in the certificate.
 * Backslash escapes are supported, multi-valued RDNs are not.
 * @throws AuthorityError `option-wrong`, with `at` as the name of the option
 */
export function parseSubject(text: string, at: string): DistinguishedName {
  if (text.length > MOST_TEXT) refuse('option-wrong', `has ${text.length} characters; expected at most ${MOST_TEXT}`, at);
  const name = scan(text, at).map(([short, value]) => ({ type: typeOf(short, at), value })).reverse();
  try {
    encodeDistinguishedName(name);
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    refuse('option-wrong', cause.detail, at, { cause });
  }
  return name;
}

function typeOf(short: string, at: string): string {
  return ATTRIBUTES.get(short) ?? refuse('option-wrong', `"${short}" is unknown; expected one of ${[...ATTRIBUTES.keys()].join(', ')}`, at);
}

/** Pairs of attribute type and value, with escapes resolved and surrounding spaces removed. */
function scan(text: string, at: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  let name: string | undefined;
  let current = '';
  /** Length of `current` up to its last character that is not an unescaped space. */
  let solid = 0;
  for (let i = 0; i <= text.length; i++) {
    const character = text[i];
    if (character === undefined || character === ',') {
      if (name === undefined) refuse('option-wrong', `"${current.trim()}" is not an attribute with a value; expected a name such as CN=Example Root,O=Example`, at);
      pairs.push([name, current.slice(0, solid)]);
      [name, current, solid] = [undefined, '', 0];
    } else if (name === undefined && character === '=') {
      [name, current, solid] = [current.trim().toUpperCase(), '', 0];
    } else if (character === '\\') {
      const escaped = text[++i] ?? '';
      if (escaped === '' || !ESCAPABLE.includes(escaped)) refuse('option-wrong', `has a backslash before "${escaped}"; expected one of ${ESCAPABLE}`, at);
      current += escaped;
      solid = current.length;
    } else if (character === '+' && name !== undefined) {
      refuse('option-wrong', 'has a plus sign, which joins attributes; write \\+ for the character', at);
    } else if (character !== ' ' || current !== '') {
      current += character;
      if (character !== ' ') solid = current.length;
    }
  }
  return pairs;
}
