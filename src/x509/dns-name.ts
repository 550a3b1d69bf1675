import { domainToASCII, domainToUnicode } from 'node:url';
import { X509Error } from './errors.ts';
import { disallowedIn } from './idna.ts';

/** RFC 1035 2.3.4. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/** The lower-case form of each octet allowed in a label (RFC 1034 3.5: letters, digits, hyphen); 0 for all others. */
const LDH = new Uint8Array(128);
for (const char of 'abcdefghijklmnopqrstuvwxyz0123456789-') LDH[char.charCodeAt(0)] = char.charCodeAt(0);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') LDH[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);

const [HYPHEN, DOT, LOWER_X, LOWER_N] = [0x2d, 0x2e, 0x78, 0x6e];

/**
 * Normalises a host name to lower case (RFC 5280 4.2.1.6, RFC 1034 3.5, RFC 5890 2.3.1). With `wildcard`, the whole leftmost label may be
 * `*` if at least two labels follow (RFC 6125 6.4.3; never over a whole top-level domain).
 * Throws `bad-dns-name`.
 */
export function normaliseDnsName(text: string, wildcard: boolean): string {
  const fail = (why: string): never => {
    throw new X509Error('bad-dns-name', `${JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)} ${why}`);
  };
  if (text.length === 0) fail('is empty');
  if (text.length > MAX_NAME) fail(`has ${text.length} characters; at most ${MAX_NAME} are accepted`);

  const isWildcard = text.startsWith('*');
  if (isWildcard && !wildcard) fail('has a wildcard, which is not allowed here');
  if (isWildcard && (text.charCodeAt(1) !== DOT || text.indexOf('.', 2) < 0)) {
    fail('has a wildcard that is not the whole leftmost label with two or more labels after it');
  }

  let upper = false;
  let reserved = false;
  let labelStart = isWildcard ? 2 : 0;
  for (let i = labelStart; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code !== DOT) {
      const lower = code < 128 ? LDH[code]! : 0;
      if (lower === 0) fail(code === 0x2a ? 'has a wildcard that is not its leftmost label' : `has characters other than letters, digits and hyphens in a label${inAscii(text, code)}`);
      if (lower !== code) upper = true;
      continue;
    }
    if (i === labelStart) fail(i === text.length ? 'ends in a dot' : 'has an empty label');
    if (i - labelStart > MAX_LABEL) fail(`has a label of ${i - labelStart} characters; at most ${MAX_LABEL} are accepted`);
    if (text.charCodeAt(labelStart) === HYPHEN || text.charCodeAt(i - 1) === HYPHEN) fail('has a label that begins or ends with a hyphen');
    if (text.charCodeAt(labelStart + 2) === HYPHEN && text.charCodeAt(labelStart + 3) === HYPHEN && i - labelStart > 3) reserved = true;
    labelStart = i + 1;
  }

  const name = upper ? text.toLowerCase() : text;
  if (reserved) for (const label of name.split('.')) checkReservedLabel(label, fail);
  if (endsInNumber(name)) fail('ends in a number, as only an IP address does');
  return name;
}

/** Suggests the ASCII form of an internationalised name. */
function inAscii(text: string, code: number): string {
  const ascii = code < 128 ? '' : domainToASCII(text.replace(/^\*\./, ''));
  return ascii === '' ? '' : `; written in ASCII it is ${text.startsWith('*.') ? '*.' : ''}${ascii}`;
}

/** RFC 5890 2.3.1: of the labels with hyphens in the third and fourth position only A-labels are in use, and those must decode. */
function checkReservedLabel(label: string, fail: (why: string) => never): void {
  if (label.charCodeAt(2) !== HYPHEN || label.charCodeAt(3) !== HYPHEN) return;
  if (label.charCodeAt(0) !== LOWER_X || label.charCodeAt(1) !== LOWER_N) fail(`has the reserved label ${label}`);
  const unicode = domainToUnicode(label);
  // UTS 46 conversion: an undecodable label yields the empty string, and a non-canonical one its canonical form.
  if (domainToASCII(unicode) !== label) fail(`has ${label}, which is not a valid A-label`);
  const disallowed = disallowedIn(unicode);
  if (disallowed !== undefined) {
    fail(`has ${label}, in which U+${(disallowed.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')} is not a character of a host name (IDNA2008, RFC 5892)`);
  }
}

/** Address parsers (WHATWG URL, `inet_aton`) take a name whose last label is numeric for an IPv4 address. */
function endsInNumber(name: string): boolean {
  const first = name.charCodeAt(name.lastIndexOf('.') + 1);
  if (first < 0x30 || first > 0x39) return false;
  return /^([0-9]+|0x[0-9a-f]*)$/.test(name.slice(name.lastIndexOf('.') + 1));
}
