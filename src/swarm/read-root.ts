import { sha256 } from '../digest.ts';
import { type Fault, Refused } from '../errors.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { distinguishedNameToText } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { valueOf } from '../x509/extension.ts';
import { decodeBasicConstraints, decodeKeyUsage } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';
import { decodePem } from '../x509/pem.ts';
import { verifySignature } from '../x509/signature.ts';
import type { RegisteredRoot } from './swarm.ts';

/** What a root is checked against. */
export interface RootSurroundings {
  /** SHA-256 of the SubjectPublicKeyInfo of this service's authorities. */
  readonly ownKeys: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * A swarm's own root, as `docker swarm ca` prints it: one certificate, PEM.
 * @throws Refused `body-invalid` with every fault
 */
export function readRoot(pem: string, { ownKeys, now }: RootSurroundings): Omit<RegisteredRoot, 'addedAt' | 'addedBy'> {
  const faults: Fault[] = [];
  const fault = (code: string, detail: string): void => void faults.push({ code, detail, at: '/root' });
  try {
    const [der, ...more] = decodePem(pem, 'CERTIFICATE');
    if (der === undefined || more.length > 0) throw refused([{ code: 'one-certificate', detail: `${more.length + 1} certificates; expected only the root`, at: '/root' }]);
    const root = parseCertificate(der);
    const keyHash = sha256(root.publicKey.der);
    if (!equalBytes(root.issuer, root.subject)) fault('not-a-root', 'was issued by another certificate; expected the swarm\'s own root, which signs itself');
    else verifySignature(root, root.publicKey);
    if (valueOf(root, OID.basicConstraints, decodeBasicConstraints)?.ca !== true) fault('not-a-ca', 'is not a CA certificate (RFC 5280 4.2.1.9)');
    if (valueOf(root, OID.keyUsage, decodeKeyUsage)?.includes('keyCertSign') === false) fault('key-usage', 'may not sign certificates (RFC 5280 4.2.1.3)');
    if (root.notAfter * 1000 < now) fault('expired', `expired at ${new Date(root.notAfter * 1000).toISOString()}`);
    if (ownKeys.has(keyHash)) fault('own-authority', 'is an authority of this service, whose certificates need no registration');
    if (faults.length > 0) throw refused(faults);
    return { digest: sha256(der), keyHash, certificate: Buffer.from(der).toString('base64'), subject: distinguishedNameToText(root.subjectName), notAfter: root.notAfter };
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw refused([...faults, { code: error.code, detail: error.detail, at: '/root' }], error);
  }
}

const refused = (faults: readonly Fault[], cause?: unknown): Refused => new Refused('body-invalid', `The root is refused: ${faults.map(({ detail }) => detail).join('; ')}`, { faults, cause });
