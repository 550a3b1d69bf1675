import { X509Error } from '../x509/errors.ts';
import { decodePem } from '../x509/pem.ts';
import { parseGoDuration, parseGoTime } from './go-values.ts';
import { badCall, CfsslRefusal, CODE, violation } from './refusal.ts';

/** One entry of `subject.names` as cfssl writes it; empty strings count as absent. */
export interface NameParts {
  readonly C: string;
  readonly ST: string;
  readonly L: string;
  readonly O: string;
  readonly OU: string;
  readonly SerialNumber: string;
}

export interface Subject {
  readonly CN: string;
  readonly names: readonly NameParts[];
  readonly SerialNumber: string;
}

/** The parsed request of `sign` and `authsign`; values that Go considers zero are absent. */
export interface SignRequest {
  /** DER. */
  readonly csr: Uint8Array;
  readonly hosts: readonly string[] | undefined;
  readonly subject: Subject | undefined;
  readonly profile: string | undefined;
  readonly label: string | undefined;
  /** Seconds. */
  readonly validity: number | undefined;
  /** Seconds since the epoch. */
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
  /** Whether the response is to contain a bundle. */
  readonly bundle: boolean;
}

type Members = Readonly<Record<string, unknown>>;
const NAME_PARTS = ['C', 'ST', 'L', 'O', 'OU', 'SerialNumber'] as const;
const MOST_HOSTS = 1000;

/**
 * Members that clients of cfssl send. Anything else is refused, since a member that is not understood might have been a limit.
 * `expiry`, `NotBefore` and `NotAfter` are included as named in Go and in cfssl's documentation.
 */
const KNOWN: ReadonlySet<string> = new Set([
  'hostname', 'hosts', 'certificate_request', 'subject', 'profile', 'label', 'bundle', 'expiry', 'not_before', 'not_after',
  'crl_override', 'serial', 'extensions', 'Expiry', 'NotBefore', 'NotAfter', 'ReturnPrecert', 'metadata', 'serial_sequence', 'remote_address',
]);

/** Choices that cfssl servers may leave to clients, and this one never does: only the zero value is accepted. */
const NEVER_GRANTED = ['crl_override', 'serial', 'extensions', 'ReturnPrecert', 'serial_sequence'] as const;

/** @throws CfsslRefusal */
export function readSignRequest(body: unknown): SignRequest {
  const members = membersOf(body, 'the sign request');
  for (const name of Object.keys(members)) if (!KNOWN.has(name)) throw badCall(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  const request = textOf(members, 'certificate_request');
  if (request === undefined) throw badCall('missing parameter \'certificate_request\'');
  for (const name of NEVER_GRANTED) if (!isUnset(members[name])) throw violation(`Policy violation request: "${name}" is decided by the profile, never by the request.`);
  return {
    csr: csrOf(request),
    hosts: hostsOf(members),
    subject: subjectOf(members['subject']),
    profile: textOf(members, 'profile'),
    label: textOf(members, 'label'),
    validity: expiryOf(members),
    notBefore: timeOf(members, 'NotBefore', 'not_before'),
    notAfter: timeOf(members, 'NotAfter', 'not_after'),
    bundle: members['bundle'] === true,
  };
}

/** Whether it is a zero value in Go. */
const isUnset = (value: unknown): boolean => value === undefined || value === null || value === '' || value === false || value === 0 || (Array.isArray(value) && value.length === 0);

/** @throws CfsslRefusal if it is not an object */
export function membersOf(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badCall(`${what} is not a JSON object`);
  return value as Members;
}

/** Undefined if empty. @throws CfsslRefusal if it is not a string */
export function textOf(members: Members, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw badCall(`"${name}" is not a string`);
  return value;
}

/** Refuses a malformed CSR in cfssl's words. */
function csrOf(text: string): Uint8Array {
  const [, label = ''] = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text) ?? [];
  if (label === '') throw new CfsslRefusal(CODE.csrDecode, 'CSR Decode failed');
  if (!['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'].includes(label)) throw new CfsslRefusal(CODE.csrBad, 'not a csr');
  try {
    const [der, ...more] = decodePem(text, 'CERTIFICATE REQUEST');
    if (der === undefined || more.length > 0) throw new CfsslRefusal(CODE.csrDecode, 'CSR Decode failed: more than one block');
    return der;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new CfsslRefusal(CODE.csrDecode, `CSR Decode failed: ${error.detail}`, { cause: error });
  }
}

/** `hostname` (comma-separated) takes precedence over `hosts`, as in cfssl. */
function hostsOf(members: Members): readonly string[] | undefined {
  const { hosts } = members;
  const hostname = textOf(members, 'hostname');
  if (hostname !== undefined) {
    const split = hostname.split(',').map((host) => host.trim()).filter((host) => host !== '');
    if (split.length > MOST_HOSTS) throw badCall(`"hostname" has ${split.length} names; at most ${MOST_HOSTS} are accepted`);
    return split;
  }
  if (hosts === undefined || hosts === null) return undefined;
  if (!Array.isArray(hosts) || hosts.length > MOST_HOSTS || !hosts.every((host) => typeof host === 'string')) throw badCall('"hosts" is not a list of strings');
  return hosts.length === 0 ? undefined : hosts;
}

function subjectOf(value: unknown): Subject | undefined {
  if (value === undefined || value === null) return undefined;
  const subject = only(membersOf(value, 'the subject'), 'the subject', ['CN', 'names', 'SerialNumber']);
  const names = subject['names'] ?? [];
  if (!Array.isArray(names)) throw badCall('"names" of the subject is not a list');
  return {
    CN: textOf(subject, 'CN') ?? '', SerialNumber: textOf(subject, 'SerialNumber') ?? '',
    names: names.map((one) => {
      const parts = only(membersOf(one, 'a name of the subject'), 'a name of the subject', [...NAME_PARTS, 'OID']);
      if (!isUnset(parts['OID'])) throw violation('Policy violation request: attributes by OID are not accepted in a subject.');
      return Object.fromEntries(NAME_PARTS.map((part) => [part, textOf(parts, part) ?? ''])) as unknown as NameParts;
    }),
  };
}

function only(members: Members, what: string, known: readonly string[]): Members {
  const unknown = Object.keys(members).find((name) => !known.includes(name));
  if (unknown !== undefined) throw badCall(`${what} has an unknown member ${JSON.stringify(unknown.slice(0, 64))}`);
  return members;
}

function expiryOf(members: Members): number | undefined {
  const text = textOf(members, 'expiry');
  if (text === undefined) return undefined;
  const seconds = parseGoDuration(text);
  if (seconds === undefined || seconds < 1) throw badCall('"expiry" is not a duration; expected one such as 8760h');
  return Math.floor(seconds);
}

function timeOf(members: Members, ...names: readonly string[]): number | undefined {
  const [text] = names.flatMap((name) => textOf(members, name) ?? []);
  try {
    return text === undefined ? undefined : parseGoTime(text);
  } catch (error) {
    throw badCall(error instanceof Error ? error.message : 'no time', error);
  }
}
