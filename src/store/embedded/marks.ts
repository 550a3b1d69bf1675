import { claimName, useName } from '../name.ts';
import type { Acceptance, Claim } from '../store.ts';
import { LAST_PLACE, NAME_BYTES, ORDINAL_BYTES, readOrdinal } from './keys.ts';

/**
 * A mark on a request: a key by which a repetition of the same request finds it. Claims and uses of tokens are both marks.
 * They are stored in the request's catalogue entry, one after another:
 *
 *     octets 0..31   name of the key
 *     octets 32..37  expiry, seconds since the epoch
 *     octet 38       1 if it lapses with its request
 *     octets 39..40  length of the fingerprint
 *     then           fingerprint
 */
export interface Mark {
  readonly name: Buffer;
  readonly fingerprint: string;
  readonly expires: number;
  readonly livesWithRequest: boolean;
}

const FIXED = NAME_BYTES + ORDINAL_BYTES + 3;

export const claimMark = ({ key, fingerprint, expires, livesWithRequest }: Claim): Mark => ({ name: claimName(key), fingerprint, expires, livesWithRequest });

type TokenUse = NonNullable<Acceptance['token']>;

/** A token use lasts as long as the token's record. */
export const useMark = (use: TokenUse): Mark => ({ name: useName(use), fingerprint: use.csrDigest, expires: LAST_PLACE, livesWithRequest: false });

export function encodeMarks(marks: readonly Mark[]): Buffer {
  const bytes = Buffer.allocUnsafe(marks.reduce((size, { fingerprint }) => size + FIXED + Buffer.byteLength(fingerprint), 0));
  let at = 0;
  for (const { name: of, fingerprint, expires, livesWithRequest } of marks) {
    bytes.set(of, at);
    at = bytes.writeUIntBE(Math.min(expires, LAST_PLACE), at + NAME_BYTES, ORDINAL_BYTES);
    at = bytes.writeUInt8(livesWithRequest ? 1 : 0, at);
    const length = bytes.write(fingerprint, at + 2);
    at = bytes.writeUInt16BE(length, at) + length;
  }
  return bytes;
}

export function* decodeMarks(marks: Buffer): Iterable<Mark> {
  for (let at = 0; at < marks.length;) {
    const end = at + FIXED + marks.readUInt16BE(at + FIXED - 2);
    yield {
      name: marks.subarray(at, at + NAME_BYTES),
      expires: readOrdinal(marks, at + NAME_BYTES),
      livesWithRequest: marks[at + NAME_BYTES + ORDINAL_BYTES] === 1,
      fingerprint: marks.toString('utf8', at + FIXED, end),
    };
    at = end;
  }
}
