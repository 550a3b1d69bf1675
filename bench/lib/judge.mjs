// Verifies that the replies were certificates: a sample is checked by OpenSSL, and each must certify the key of the CSR with its name.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keysByName } from './csrs.mjs';

/** The number of sampled certificates that are verified at most. */
const MOST = 200;

/**
 * @param {{ samples: string, certificateIn: (answer: any) => string, root: string, chain?: string }} server
 * @returns the number of certificates verified
 * @throws Error at the first invalid one
 */
export async function judge({ samples, certificateIn, root, chain }, { csrs, build, folder }) {
  const lines = readFileSync(samples, 'utf8').trimEnd().split('\n');
  const every = Math.ceil(lines.length / MOST);
  const certificates = lines.filter((_, n) => n % every === 0).map((line) => new X509Certificate(certificateIn(JSON.parse(line))));
  const nameIn = (certificate) => /^DNS:([^,]+)$/.exec(certificate.subjectAltName ?? '')?.[1] ?? '';
  const keys = await keysByName(csrs, new Set(certificates.map(nameIn)), build);
  const files = certificates.map((certificate, n) => {
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
    if (!keys.has(nameIn(certificate)) || !key.equals(keys.get(nameIn(certificate)))) throw new Error(`the certificate ${certificate.serialNumber} is for another key than its CSR`);
    const file = join(folder, `sample-${n}.pem`);
    writeFileSync(file, certificate.toString());
    return file;
  });
  if (new Set(certificates.map(({ serialNumber }) => serialNumber)).size !== certificates.length) throw new Error('two certificates have one serial number');
  execFileSync('openssl', ['verify', '-CAfile', root, ...(chain === undefined ? [] : ['-untrusted', chain]), ...files], { stdio: 'pipe' });
  return certificates.length;
}
