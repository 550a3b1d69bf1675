import { createHash } from 'node:crypto';
import { isSignedBy, parsePublicKey, type SshPublicKey } from './public-key.ts';
import { SshError, SshReader, sshString } from './wire.ts';

/** Namespace of our signatures: one made for a mail or a file is not accepted. */
export const NAMESPACE = 'attestation@chancery';

const MAGIC = 'SSHSIG';
const VERSION = 1;
const MOST_ARMOR = 8192;
const ARMOR = /^-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n-----END SSH SIGNATURE-----\s*$/;
const HASHES: readonly string[] = ['sha256', 'sha512'];

/**
 * The key that signed the message in our namespace, from a signature made by `ssh-keygen -Y sign` (PROTOCOL.sshsig of OpenSSH).
 * Throws SshError.
 */
export function signerOf(armored: string, message: string): SshPublicKey {
  if (armored.length > MOST_ARMOR) throw new SshError(`the signature has ${armored.length} characters; at most ${MOST_ARMOR} are accepted`);
  const [, base64] = ARMOR.exec(armored) ?? [];
  if (base64 === undefined) throw new SshError('it is not an SSH SIGNATURE; expected what ssh-keygen -Y sign writes');
  const text = base64.replace(/[\r\n]/g, '');
  const blob = Buffer.from(text, 'base64');
  if (blob.toString('base64') !== text) throw new SshError('the signature is not base64');
  const reader = new SshReader(blob);
  if (reader.raw(MAGIC.length, 'the signature').toString('latin1') !== MAGIC || reader.uint32('the version') !== VERSION) throw new SshError('the signature is of another version');
  const key = parsePublicKey(reader.string('the key'));
  const namespace = reader.text('the namespace');
  if (namespace !== NAMESPACE) throw new SshError(`the signature is for namespace ${JSON.stringify(namespace.slice(0, 64))}; expected ${NAMESPACE}`);
  const reserved = reader.string('the reserved part');
  const hash = reader.text('the hash');
  if (!HASHES.includes(hash)) throw new SshError(`the hash is ${JSON.stringify(hash.slice(0, 32))}; expected ${HASHES.join(' or ')}`);
  const signature = reader.string('the signature');
  reader.finish('the signature');
  const signed = Buffer.concat([Buffer.from(MAGIC), sshString(namespace), sshString(reserved), sshString(hash), sshString(createHash(hash).update(message).digest())]);
  if (!isSignedBy(key, signed, signature)) throw new SshError('the signature is not over the message of this challenge, or not by its key');
  return key;
}
