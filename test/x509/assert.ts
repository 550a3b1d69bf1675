import { X509Error, type X509ErrorCode } from '../../src/x509/errors.ts';

/** The code of the `X509Error` that this throws; `ok` where it throws none. Any other error passes through, and fails the test. */
export function codeOf(run: () => unknown): X509ErrorCode | 'ok' {
  try {
    run();
    return 'ok';
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return error.code;
  }
}

/** Octets of hex text; blanks are for the eye. */
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** No input may hold the event loop longer than this, in milliseconds. */
export const LONGEST_MS = 50;

/** How long something takes, in milliseconds: the best of three where the first seems slow, for the machine does other things too. */
export function millisecondsOf(run: () => unknown): number {
  let best = Infinity;
  for (let i = 0; i < 3 && best > LONGEST_MS; i++) {
    const started = performance.now();
    run();
    best = Math.min(best, performance.now() - started);
  }
  return best;
}
