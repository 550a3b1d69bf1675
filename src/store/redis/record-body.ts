import type { RequestRecord, RequestState, Step } from '../../issuance/request.ts';
import { lengthOf, readTails, writeTails } from '../record-tails.ts';

/**
 * A compact form of a record, since Redis keeps all of them, perhaps ten million, in memory. What is in the value's head is not repeated, members that
 * every record has are identified by position, and times are relative to the record's creation:
 *
 *     octet 0        version, 1
 *     octet 1        length of the id; then the id
 *     32 octets      key digest
 *     6 octets       lengths of header (2), CSR (2) and TBSCertificate (2); 3 octets each if the version is 2
 *     then           header (JSON, see `Header`), CSR, TBSCertificate, and the certificate up to the end
 */
type Header = [
  authority: string, profile: string, requesterKind: string, requesterName: string, names: readonly string[], updatedAfter: number,
  steps: readonly (string | number)[], rest?: Rest,
];

/** Members that not every record has. For issued certificates, times are in seconds from creation. */
interface Rest {
  readonly b?: number;
  readonly a?: number;
  readonly other?: Partial<RequestRecord>;
  /** The key digest, if it does not have the usual form. */
  readonly k?: string;
}

/** Members identified by position, or contained in the value's head. */
type Placed =
  | 'id' | 'state' | 'authority' | 'profile' | 'requester' | 'names' | 'steps' | 'createdAt' | 'updatedAt' | 'keyHash' | 'csr' | 'tbs' | 'certificate' | 'notBefore' | 'notAfter';

type Other = Exclude<keyof RequestRecord, Placed>;

/** Rare members, stored by name. Omitting one here would lose it, and does not compile. */
const OTHERS = Object.keys({
  metadata: true, validity: true, maxValidity: true, subject: true, revocation: true, refusal: true, approvals: true, takesOver: true, owner: true,
} satisfies Readonly<Record<Other, true>>) as readonly Other[];

function othersOf(record: RequestRecord): Partial<RequestRecord> | undefined {
  let others: Record<string, unknown> | undefined;
  for (const member of OTHERS) if (record[member] !== undefined) (others ??= {})[member] = record[member];
  return others;
}

const OUTCOMES: readonly Step['outcome'][] = ['passed', 'failed', 'waiting'];
const DIGEST = /^[0-9a-f]{64}$/;
const SMALL = 1;
const LARGE = 2;
const KEY_BYTES = 32;

export interface RecordHead {
  readonly state: RequestState;
  readonly createdAt: number;
}

/** @param room octets to leave free in front */
export function encodeBody(record: RequestRecord, room: number): Buffer {
  const {
    id, authority, profile, requester, names, steps, createdAt, updatedAt, keyHash, csr, tbs, certificate, notBefore, notAfter,
  } = record;
  const other = othersOf(record);
  const told: (string | number)[] = [];
  for (const step of steps) told.push(step.name, OUTCOMES.indexOf(step.outcome), step.reason, step.time - createdAt);
  const seconds = Math.floor(createdAt / 1000);
  const isDigest = DIGEST.test(keyHash);
  const rest: Rest = {
    ...(notBefore === undefined ? {} : { b: notBefore - seconds }),
    ...(notAfter === undefined ? {} : { a: notAfter - seconds }),
    ...(other === undefined ? {} : { other }),
    ...(isDigest ? {} : { k: keyHash }),
  };
  const json = JSON.stringify([authority, profile, requester.kind, requester.name, names, updatedAt - createdAt, told, rest] satisfies Header);
  const lengths = [Buffer.byteLength(json), lengthOf(csr), lengthOf(tbs)] as const;
  const large = Math.max(...lengths) > 0xffff;
  const width = large ? 3 : 2;
  const idLength = id.length / 2;
  const bytes = Buffer.allocUnsafe(room + 2 + idLength + KEY_BYTES + 3 * width + lengths[0] + lengths[1] + lengths[2] + lengthOf(certificate));
  let at = bytes.writeUInt8(large ? LARGE : SMALL, room);
  at = bytes.writeUInt8(idLength, at);
  at += bytes.write(id, at, 'hex');
  if (isDigest) bytes.write(keyHash, at, 'hex');
  else bytes.fill(0, at, at + KEY_BYTES);
  at += KEY_BYTES;
  for (const length of lengths) at = bytes.writeUIntBE(length, at, width);
  at += bytes.write(json, at);
  writeTails(bytes, at, record);
  return bytes;
}

/**
 * The record in a body. The DER members are views of `bytes`.
 * @throws Error if the value has another version or is truncated
 */
export function decodeBody(bytes: Buffer, { state, createdAt }: RecordHead): RequestRecord {
  const version = bytes[0];
  if (version !== SMALL && version !== LARGE) throw new Error('not a record, or one of a newer version');
  const keyAt = 2 + (bytes[1] ?? 0);
  const lengthsAt = keyAt + KEY_BYTES;
  const width = version === LARGE ? 3 : 2;
  const headerAt = lengthsAt + 3 * width;
  const headerEnd = headerAt + bytes.readUIntBE(lengthsAt, width);
  const tails = readTails(bytes, headerEnd, bytes.readUIntBE(lengthsAt + width, width), bytes.readUIntBE(lengthsAt + 2 * width, width));
  const [authority, profile, kind, name, names, updatedAfter, told, rest] = JSON.parse(bytes.toString('utf8', headerAt, headerEnd)) as Header;
  const steps: Step[] = [];
  for (let at = 0; at < told.length; at += 4) {
    const [stepName, outcome, reason, after] = told.slice(at, at + 4) as [string, number, string, number];
    steps.push({ name: stepName, outcome: OUTCOMES[outcome] ?? 'failed', reason, time: createdAt + after });
  }
  const seconds = Math.floor(createdAt / 1000);
  return {
    id: bytes.toString('hex', 2, keyAt), state, authority, profile, requester: { kind: kind as RequestRecord['requester']['kind'], name }, names, steps,
    createdAt, updatedAt: createdAt + updatedAfter, keyHash: rest?.k ?? bytes.toString('hex', keyAt, lengthsAt), ...rest?.other,
    ...(rest?.b === undefined ? {} : { notBefore: seconds + rest.b }),
    ...(rest?.a === undefined ? {} : { notAfter: seconds + rest.a }),
    ...tails,
  };
}
