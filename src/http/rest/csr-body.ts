import { parseDuration } from '../../config/duration.ts';
import { Refused } from '../../errors.ts';
import { X509Error } from '../../x509/errors.ts';
import { pemOrDerOrBase64 } from '../../x509/pem.ts';
import type { App } from '../app.ts';

/** Media types for which the body is the CSR itself. */
export const CSR_TYPES = ['application/pkcs10', 'application/x-pem-file'] as const;

/** Enables this scope's routes to accept a CSR as their body. */
export function acceptCsrBodies(app: App): void {
  for (const type of CSR_TYPES) app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/**
 * DER of a CSR in any of the forms that the API accepts.
 * @throws Refused `csr-malformed`
 */
export function csrBytes(body: Uint8Array | string): Uint8Array {
  try {
    return pemOrDerOrBase64(typeof body === 'string' ? Buffer.from(body, 'utf8') : body, 'CERTIFICATE REQUEST');
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new Refused('csr-malformed', `The CSR is refused: ${error.detail}`, { cause: error, faults: [{ code: error.code, detail: error.detail, at: 'csr' }] });
  }
}

/**
 * A `validity` in seconds, after the schema has checked its form.
 * @throws Refused `query-invalid`
 */
export function validitySeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 1) throw new Refused('query-invalid', `validity ${JSON.stringify(text)} is not a duration; expected for example 12h or 30d.`);
  return seconds;
}
