import { claimName, useName } from '../name.ts';
import type { Acceptance, Claim } from '../store.ts';
import { NAME_BYTES } from './keys.ts';

/**
 * A mark on a request: a name by which a repetition of the same request finds it. Claims and uses of tokens are both marks.
 * They are stored in the request's value, one after another:
 *
 *     octets 0..31   name
 *     octets 32..37  expiry, seconds since the epoch
 *     octet 38       1 if it lapses with its request, 2 if it is a token use
 *     octet 39       1 if the fingerprint is lower-case hex, and stored as octets
 *     octets 40..41  length of the fingerprint
 *     then           fingerprint
 */
export interface Mark {
  readonly name: Buffer;
  readonly fingerprint: string;
  readonly expires: number;
  readonly livesWithRequest: boolean;
  readonly use: boolean;
}

const FIXED = NAME_BYTES + 10;
/** The latest expiry that a mark can have. */
export const LAST = 2 ** 48 - 1;
const HEX = /^(?:[0-9a-f]{2})+$/;
const LIVES_WITH_REQUEST = 1;
const USE = 2;

export const claimMark = ({ key, fingerprint, expires, livesWithRequest }: Claim): Mark =>
  ({ name: claimName(key), fingerprint, expires, livesWithRequest, use: false });

type TokenUse = NonNullable<Acceptance['token']>;

/** A token use lasts as long as the token's record. */
export const useMark = (use: TokenUse): Mark => ({ name: useName(use), fingerprint: use.csrDigest, expires: LAST, livesWithRequest: false, use: true });

/** A fingerprint as octets, preceded by an octet that says whether it was hex. */
export const fingerprintOctets = (fingerprint: string): Buffer =>
  HEX.test(fingerprint) ? octetsOf(1, fingerprint, 'hex') : octetsOf(0, fingerprint, 'utf8');

function octetsOf(kind: number, fingerprint: string, encoding: 'hex' | 'utf8'): Buffer {
  const octets = Buffer.allocUnsafe(1 + Buffer.byteLength(fingerprint, encoding));
  octets[0] = kind;
  octets.write(fingerprint, 1, encoding);
  return octets;
}

/** The inverse of `fingerprintOctets`. */
export const readFingerprint = (octets: Buffer): string => octets.toString(octets[0] === 1 ? 'hex' : 'utf8', 1);

export function encodeMarks(marks: readonly Mark[]): Buffer {
  if (marks.length === 0) return Buffer.alloc(0);
  return Buffer.concat(marks.map(({ name, fingerprint, expires, livesWithRequest, use }) => {
    const octets = fingerprintOctets(fingerprint);
    const bytes = Buffer.allocUnsafe(FIXED + octets.length - 1);
    bytes.set(name, 0);
    bytes.writeUIntBE(Math.min(expires, LAST), NAME_BYTES, 6);
    bytes[NAME_BYTES + 6] = use ? USE : livesWithRequest ? LIVES_WITH_REQUEST : 0;
    bytes[NAME_BYTES + 7] = octets[0] ?? 0;
    bytes.writeUInt16BE(octets.length - 1, NAME_BYTES + 8);
    octets.copy(bytes, FIXED, 1);
    return bytes;
  }));
}

export function decodeMarks(marks: Buffer): Mark[] {
  const decoded: Mark[] = [];
  for (let at = 0; at < marks.length;) {
    const end = at + FIXED + marks.readUInt16BE(at + FIXED - 2);
    const kind = marks[at + NAME_BYTES + 6];
    decoded.push({
      name: marks.subarray(at, at + NAME_BYTES),
      expires: marks.readUIntBE(at + NAME_BYTES, 6),
      livesWithRequest: kind === LIVES_WITH_REQUEST,
      use: kind === USE,
      fingerprint: marks.toString(marks[at + NAME_BYTES + 7] === 1 ? 'hex' : 'utf8', at + FIXED, end),
    });
    at = end;
  }
  return decoded;
}
