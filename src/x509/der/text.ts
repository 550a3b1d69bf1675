const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** X.680 41.4: letters, digits, space and '()+,-./:=? */
const PRINTABLE = new Uint8Array(256);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?") PRINTABLE[char.charCodeAt(0)] = 1;

export function isPrintable(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (PRINTABLE[bytes[i]!] === 0) return false;
  return true;
}

/** One character per octet. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  // For short text such as names, this is faster than a call into the runtime.
  if (end - start > 64) return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** Undefined if the octets are not UTF-8; overlong forms and surrogates are not. */
export function utf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  let i = start;
  while (i < end && bytes[i]! < 0x80) i++;
  if (i === end) return latin1(bytes, start, end);
  try {
    return DECODER.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}
