const ALPHABET = /^[A-Za-z0-9_-]*$/;

/** Decodes base64url as in RFC 7515 section 2: no padding, no white space, one spelling per byte string. Undefined for anything else. */
export function decodeBase64Url(text: string): Buffer | undefined {
  if (!ALPHABET.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
