const ALPHABET = /^[A-Za-z0-9_-]*$/;

/** The bytes of base64url as RFC 7515 2 has it: no padding, no white space, no second spelling of the same bytes. Undefined for anything else. */
export function decodeBase64Url(text: string): Buffer | undefined {
  if (!ALPHABET.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
