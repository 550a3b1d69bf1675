import { createCipheriv, createPrivateKey, type KeyObject, randomBytes, scryptSync } from 'node:crypto';
import { integer, octetString, oid, sequence } from '../../x509/der/writer.ts';
import { encodePem } from '../../x509/pem.ts';
import { refuse } from '../errors.ts';

/** Capacity of OpenSSL's passphrase callback (PEM_BUFSIZE). */
const MOST_PASSPHRASE_BYTES = 1024;

/**
 * Cost of each passphrase guess: 16 MiB and 0.13 s. OpenSSL refuses more than 32 MiB for a key file, so the work is increased through p rather than
 * N. The default of OpenSSL, and so of node:crypto, is 2,048 rounds of PBKDF2: far too few.
 */
const SCRYPT = { N: 16_384, r: 8, p: 5 } as const;

/** RFC 8018 C, RFC 7914 7. */
const PBES2 = '1.2.840.113549.1.5.13';
const SCRYPT_OID = '1.3.6.1.4.1.11591.4.11';
const AES_256_CBC = '2.16.840.1.101.3.4.1.42';

/** The key as PKCS#8 PEM; if there is a passphrase, encrypted by PBES2 with scrypt and AES-256-CBC. @throws AuthorityError `option-wrong` */
export function encodePrivateKey(key: KeyObject, passphrase?: string): string {
  const plain = key.export({ type: 'pkcs8', format: 'der' });
  if (passphrase === undefined) return encodePem('PRIVATE KEY', plain);
  checkPassphrase(passphrase);
  return encodePem('ENCRYPTED PRIVATE KEY', encrypt(plain, passphrase));
}

/** @throws AuthorityError `option-wrong` if OpenSSL could not accept the passphrase */
export function checkPassphrase(passphrase: string): void {
  const length = Buffer.byteLength(passphrase);
  if (length === 0) refuse('option-wrong', 'is empty', 'passphrase');
  if (length > MOST_PASSPHRASE_BYTES) refuse('option-wrong', `has ${length} bytes; expected at most ${MOST_PASSPHRASE_BYTES}`, 'passphrase');
}

/**
 * The private key from PKCS#8 PEM text, encrypted by any scheme that OpenSSL supports. `name` identifies the file in errors.
 * @throws AuthorityError `key-unreadable`, `passphrase-missing`, `passphrase-wrong`
 */
export function decodePrivateKey(pem: string, name: string, passphrase?: string): KeyObject {
  const encrypted = pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
  if (!encrypted && !pem.includes('-----BEGIN PRIVATE KEY-----')) refuse('key-unreadable', 'is not a PKCS#8 PEM file', name);
  if (encrypted && passphrase === undefined) refuse('passphrase-missing', 'is encrypted, and no passphrase is given', name);
  try {
    return createPrivateKey(encrypted ? { key: pem, passphrase: passphrase as string } : pem);
  } catch (cause) {
    // A wrong passphrase results in bad padding or (1 in 256) in garbage after decryption, so it cannot be distinguished from damage.
    if (encrypted) refuse('passphrase-wrong', 'cannot be decrypted: the passphrase is wrong, or the file is damaged', name, { cause });
    return refuse('key-unreadable', 'holds no private key that can be read', name, { cause });
  }
}

/** EncryptedPrivateKeyInfo (RFC 5958 3) using PBES2 (RFC 8018 6.2) with the scrypt parameters of RFC 7914 7. */
function encrypt(plain: Uint8Array, passphrase: string): Uint8Array {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = scryptSync(passphrase, salt, 32, { ...SCRYPT, maxmem: 64 * 1024 * 1024 });
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const content = Buffer.concat([cipher.update(plain), cipher.final()]);
  return sequence(
    sequence(
      oid(PBES2),
      sequence(
        sequence(oid(SCRYPT_OID), sequence(octetString(salt), integer(SCRYPT.N), integer(SCRYPT.r), integer(SCRYPT.p))),
        sequence(oid(AES_256_CBC), octetString(iv)),
      ),
    ),
    octetString(content),
  );
}
