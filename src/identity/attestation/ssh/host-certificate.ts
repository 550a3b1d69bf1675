import { isSignedBy, parsePublicKey, readKeyFields, type SshPublicKey } from './public-key.ts';
import { SshError, SshReader } from './wire.ts';

/** An OpenSSH host certificate (PROTOCOL.certkeys) whose signature, by the key it names, has been verified. */
export interface HostCertificate {
  readonly key: SshPublicKey;
  readonly authority: SshPublicKey;
  readonly keyId: string;
  readonly serial: bigint;
  /** Host names, at least one, unmodified. */
  readonly principals: readonly string[];
  /** Validity in seconds since the epoch; `before` is exclusive. */
  readonly after: bigint;
  readonly before: bigint;
}

const MOST_TEXT = 16_384;
const SUFFIX = '-cert-v01@openssh.com';
const HOST = 2;
const MOST_PRINCIPALS = 64;

/** Parses the line of an `ssh_host_…_key-cert.pub` file. Throws SshError, also for critical options, of which none is defined for hosts. */
export function parseHostCertificate(line: string): HostCertificate {
  if (line.length > MOST_TEXT) throw new SshError(`the certificate has ${line.length} characters; at most ${MOST_TEXT} are accepted`);
  const [name = '', base64 = ''] = line.trim().split(/[ \t]+/);
  const blob = Buffer.from(base64, 'base64');
  if (blob.length === 0 || blob.toString('base64') !== base64) throw new SshError('it is not a line of a certificate: type, base64, comment');
  const reader = new SshReader(blob);
  const type = reader.text('the certificate\'s type');
  if (type !== name || !type.endsWith(SUFFIX)) throw new SshError(`${JSON.stringify(type.slice(0, 64))} is not a certificate of OpenSSH`);
  reader.string('the nonce');
  const key = readKeyFields(reader, type.slice(0, -SUFFIX.length));
  const serial = reader.uint64('the serial');
  if (reader.uint32('the kind') !== HOST) throw new SshError('it is not a host certificate');
  const keyId = reader.string('the key id').toString('utf8');
  const principals = readPrincipals(reader.string('the principals'));
  const [after, before] = [reader.uint64('the beginning'), reader.uint64('the end')];
  if (reader.string('the critical options').length > 0) throw new SshError('it has a critical option, which is not understood');
  // Extensions are for users; none of them restricts a host.
  reader.string('the extensions');
  reader.string('the reserved part');
  const authority = parsePublicKey(reader.string('the authority\'s key'));
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string('the signature');
  reader.finish('the certificate');
  if (!isSignedBy(authority, signed, signature)) throw new SshError('its signature is not by the authority that it names');
  return { key, authority, keyId, serial, principals, after, before };
}

function readPrincipals(octets: Buffer): string[] {
  const reader = new SshReader(octets);
  const principals: string[] = [];
  while (!reader.atEnd) {
    if (principals.length === MOST_PRINCIPALS) throw new SshError(`it names more than ${MOST_PRINCIPALS} hosts`);
    principals.push(reader.text('a principal'));
  }
  // OpenSSH would consider such a certificate valid for every host.
  if (principals.length === 0) throw new SshError('it names no host, which would be valid for every host');
  return principals;
}
