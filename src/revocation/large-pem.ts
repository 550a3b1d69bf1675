import { breather } from '../breathe.ts';

/** Octets that make up a line of 64 characters (RFC 7468 2). */
const LINE = 48;
/** Lines encoded at a time, which takes a millisecond. */
const LINES = 8192;

/** PEM of data that may have many megabytes, encoded in slices between which the event loop serves others. */
export async function pemInSlices(label: string, der: Uint8Array): Promise<Buffer> {
  const [first, last] = [`-----BEGIN ${label}-----\n`, `-----END ${label}-----\n`];
  const base64Length = Math.ceil(der.length / 3) * 4;
  const pem = Buffer.allocUnsafeSlow(first.length + base64Length + Math.ceil(base64Length / 64) + last.length);
  const breathe = breather();
  let at = pem.write(first, 'latin1');
  for (let from = 0; from < der.length; from += LINE * LINES) {
    const text = Buffer.from(der.buffer, der.byteOffset + from, Math.min(LINE * LINES, der.length - from)).toString('base64');
    for (let start = 0; start < text.length; start += 64) {
      at += pem.write(text.slice(start, start + 64), at, 'latin1');
      pem[at++] = 0x0a;
    }
    await breathe();
  }
  at += pem.write(last, at, 'latin1');
  return pem.subarray(0, at);
}
