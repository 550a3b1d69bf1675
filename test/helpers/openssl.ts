import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Runs OpenSSL and returns its output. Throws with its error message if it fails. */
export const openssl = (...args: readonly string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Runs OpenSSL and returns its status and all of its output, for tests of refusals. */
export function opensslStatus(...args: readonly string[]): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

/** Generates a key and a CSR in `folder`, as a user would. @returns their paths */
export function makeCsr(folder: string, name: string, { san, subject = '/', key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], extra = [] }: CsrOptions = {}): { readonly key: string; readonly csr: string } {
  const files = { key: join(folder, `${name}.key`), csr: join(folder, `${name}.csr`) };
  openssl('req', '-new', '-newkey', ...key, '-nodes', '-keyout', files.key, '-out', files.csr, '-subj', subject, ...(san === undefined ? [] : ['-addext', `subjectAltName=${san}`]), ...extra);
  return files;
}

export interface CsrOptions {
  /** `DNS:a.example.com,IP:10.0.0.1` */
  readonly san?: string;
  readonly subject?: string;
  readonly key?: readonly string[];
  readonly extra?: readonly string[];
}
