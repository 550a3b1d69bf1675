import { X509Error } from './errors.ts';

/** Characters. Far above a chain of many certificates, or a CSR of 64 KiB in base64. */
const MAX_TEXT = 1024 * 1024;
const MAX_BLOCKS = 256;

/** Equivalent labels: RFC 7468 7, written by older programs. */
const ALIASES: Readonly<Record<string, string>> = { 'NEW CERTIFICATE REQUEST': 'CERTIFICATE REQUEST' };

/** The line that begins or ends a block. */
const EDGE = /^-----(BEGIN|END) ([^\r\n]*?)-----[ \t]*$/;

/** PEM text (RFC 7468): 64 characters per line, with a final line feed. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let i = 0; i < base64.length; i += 64) text += `${base64.slice(i, i + 64)}\n`;
  return `${text}-----END ${label}-----\n`;
}

/**
 * The DER of every block, in order: at least one, all with this label. Text outside the blocks is ignored (RFC 7468 5.2); inside, only
 * base64 is accepted, in lines of any length (RFC 7468 2; many encoders write a single line). Throws `bad-pem` and `bad-base64`.
 */
export function decodePem(text: string, label: string): Uint8Array[] {
  if (text.length > MAX_TEXT) throw new X509Error('too-large', `the PEM text has ${text.length} characters; at most ${MAX_TEXT} are accepted`);
  const blocks: Uint8Array[] = [];
  let open: { readonly label: string; readonly line: number } | undefined;
  let base64 = '';
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const [, edge, found] = (line.startsWith('-----') ? EDGE.exec(line) : null) ?? [];
    if (open === undefined) {
      if (edge === 'END') throw new X509Error('bad-pem', `line ${i + 1} ends a block that was not begun`);
      if (edge === undefined) continue;
      if (found?.includes('-----') === true) throw new X509Error('bad-pem', `line ${i + 1} continues after its BEGIN; a line break was expected there (curl keeps those of a file with --data-binary)`);
      if (found !== label && ALIASES[found ?? ''] !== label) throw new X509Error('bad-pem', `line ${i + 1} begins ${quote(found)}; ${label} was expected`);
      if (blocks.length === MAX_BLOCKS) throw new X509Error('bad-pem', `more than ${MAX_BLOCKS} blocks`);
      open = { label: found ?? '', line: i + 1 };
      base64 = '';
    } else if (edge === undefined) {
      base64 += line.trimEnd();
    } else {
      if (edge === 'BEGIN' || found !== open.label) throw new X509Error('bad-pem', `line ${i + 1}: the block begun in line ${open.line} must end with END ${open.label}`);
      blocks.push(decodeBase64(base64));
      open = undefined;
    }
  }
  if (open !== undefined) throw new X509Error('bad-pem', `the block begun in line ${open.line} has no end`);
  if (blocks.length === 0) throw new X509Error('bad-pem', `no line -----BEGIN ${label}----- was found`);
  return blocks;
}

/**
 * DER from any form that clients send: DER itself, a single PEM block, or base64 with or without line breaks, in UTF-8 or UTF-16.
 * Throws an `X509Error`; the DER itself is not examined.
 */
export function pemOrDerOrBase64(bytes: Uint8Array, label: string): Uint8Array {
  if (bytes.length === 0) throw new X509Error('truncated', `the ${label} is empty`);
  // A SEQUENCE; base64 of one begins with M.
  if (bytes[0] === 0x30) return bytes;
  if (bytes.length > MAX_TEXT) throw new X509Error('too-large', `the ${label} has ${bytes.length} octets; at most ${MAX_TEXT} are accepted`);
  const text = asText(bytes);
  if (!text.includes('-----BEGIN')) return decodeBase64(text.replace(/[ \t\r\n]+/g, ''));
  const [der, ...more] = decodePem(text, label);
  if (der === undefined || more.length > 0) throw new X509Error('bad-pem', `${more.length + 1} blocks of ${label} were found; one was expected`);
  return der;
}

/** The text of a file, including those written on Windows: UTF-8 with a byte order mark, UTF-16 with or without one. */
function asText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) return buffer.toString('latin1', 3);
  const isMarked = buffer[0] === 0xff && buffer[1] === 0xfe;
  return isMarked || buffer[1] === 0 ? buffer.toString('utf16le', isMarked ? 2 : 0) : buffer.toString('latin1');
}

/** Strict (RFC 4648 3.3, 3.5): no other characters, correct padding, unused bits zero. */
export function decodeBase64(text: string): Uint8Array {
  const octets = Buffer.from(text, 'base64');
  if (octets.length === 0 || octets.toString('base64') !== text) {
    throw new X509Error('bad-base64', `${quote(text)} is not base64 (RFC 4648 4), nor PEM or DER`);
  }
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.length);
}

const quote = (text = ''): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
