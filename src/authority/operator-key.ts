import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The first operator's certificate. */
export const operatorFile = (data: string): string => join(data, 'operator', 'cert.pem');

/**
 * The path of `<data>/operator/key.pem` if it is incomplete, or does not match the certificate beside it. An encrypted or absent key is not
 * damaged, but kept elsewhere.
 */
export function damagedOperatorKey(data: string): string | undefined {
  const path = join(data, 'operator', 'key.pem');
  if (!existsSync(path) || !existsSync(operatorFile(data))) return undefined;
  const pem = readFileSync(path, 'latin1');
  return pem.includes('ENCRYPTED') || isKeyOf(pem, readFileSync(operatorFile(data))) ? undefined : path;
}

function isKeyOf(pem: string, certificate: Uint8Array): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}
