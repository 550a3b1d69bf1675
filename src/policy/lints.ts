import { type Certificate, parseTbsCertificate } from '../x509/certificate.ts';
import { CrlSheet, encodeTbsCrl, frameTbsCrl, type TbsCrlFields } from '../x509/crl.ts';
import type { EntrySelection } from '../x509/crl-entry-log.ts';
import { X509Error } from '../x509/errors.ts';
import { EXTENSION_LINTS } from './lints/certificate-extensions.ts';
import { FIELD_LINTS } from './lints/certificate-fields.ts';
import { NAME_LINTS } from './lints/certificate-names.ts';
import { CRL_LINTS, readCrl } from './lints/crl.ts';
import { type CertificateContext, type CertificateSubject, type Failure, failures, type Lint } from './lints/lint.ts';
import { OCSP_LINTS, type OcspContext, readOcsp } from './lints/ocsp.ts';
import { readIssuer, readValues } from './lints/read-values.ts';

let accept: (bytes: Uint8Array) => LintedTbs;

/**
 * Bytes that passed their lints. Nothing else can be signed: signing keys accept this type rather than plain bytes, and only this file can
 * create it.
 */
export class LintedTbs {
  static {
    accept = (bytes) => new LintedTbs(bytes);
  }

  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** Everything that a signing key may sign. */
export type Linted = LintedTbs;

/** Bytes that must not be signed: names every failed lint, with its citation. */
export class LintError extends Error {
  override readonly name = 'LintError';
  readonly failures: readonly Failure[];

  constructor(what: string, failed: readonly Failure[], options?: ErrorOptions) {
    super(`${what}: ${failed.map(({ name, citation, detail }) => `${detail} (${name}, ${citation})`).join('; ')}`, options);
    this.failures = failed;
  }
}

/** All lints for certificates. */
export const CERTIFICATE_LINTS: readonly Lint<CertificateSubject>[] = [...FIELD_LINTS, ...EXTENSION_LINTS, ...NAME_LINTS];

/**
 * Lints the TBSCertificate of a certificate to be signed by `context.issuer`.
 * @throws LintError naming every failed lint
 */
export function lint(tbs: Uint8Array, context: CertificateContext): LintedTbs {
  return pass(tbs, 'the certificate', CERTIFICATE_LINTS, () => {
    const { tbs: read, values } = readValues(parseTbsCertificate(tbs));
    return { tbs: read, values, issuer: readIssuer(context.issuer), isSelfSigned: false, asked: context };
  });
}

/**
 * Lints the TBSCertificate of a self-signed CA certificate.
 * @throws LintError naming every failed lint
 */
export function lintSelfSigned(tbs: Uint8Array): LintedTbs {
  return pass(tbs, 'the self-signed certificate', CERTIFICATE_LINTS, () => {
    const own = readValues(parseTbsCertificate(tbs));
    return { tbs: own.tbs, values: own.values, issuer: own, isSelfSigned: true, asked: {} };
  });
}

/**
 * Lints the TBSCertList of a CRL to be signed by `context.issuer`.
 * @throws LintError naming every failed lint
 */
export function lintCrl(tbs: Uint8Array, context: { readonly issuer: Certificate }): LintedTbs {
  return pass(tbs, 'the CRL', CRL_LINTS, () => readCrl(tbs, readIssuer(context.issuer)));
}

/**
 * Lints the ResponseData of an OCSP response to be signed by `context.responder` on behalf of `context.authority`.
 * @throws LintError naming every failed lint
 */
export function lintOcspResponse(data: Uint8Array, context: OcspContext): LintedTbs {
  return pass(data, 'the OCSP answer', OCSP_LINTS, () => readOcsp(data, context));
}

/** A CRL laid out and ready to be signed; `seal` completes it. */
export interface LaidCrl {
  readonly tbs: LintedTbs;
  readonly seal: (signature: Uint8Array) => Uint8Array;
}

/**
 * Lays out and lints a CRL around entries that were checked one by one when they were added. The lints judge the exact frame that is written;
 * the entries are not read again, since there may be a million of them, twice a minute.
 * @param breathe called between copies of at most one mebibyte
 * @throws LintError naming every failed lint
 */
export async function layCrl(
  fields: Omit<TbsCrlFields, 'entries'>, entries: EntrySelection,
  { issuer, signatureOctets, breathe }: { readonly issuer: Certificate; readonly signatureOctets: number; readonly breathe: () => Promise<void> | void },
): Promise<LaidCrl> {
  const [before, behind] = frameTbsCrl(fields, entries.octets);
  // Without entries the same fields yield the same frame, except for two lengths.
  const failed = failures(CRL_LINTS, readable('the CRL', () => {
    const subject = readCrl(encodeTbsCrl({ ...fields, entries: [] }), readIssuer(issuer));
    return { ...subject, tbs: { ...subject.tbs, summary: entries } };
  }));
  if (failed.length > 0) throw new LintError('the CRL must not be signed', failed);
  const sheet = new CrlSheet(before.length + entries.octets + behind.length, fields.algorithm, signatureOctets);
  const { tbs } = sheet;
  tbs.set(before);
  let offset = before.length;
  for (const part of entries.parts) {
    for (let from = 0; from < part.length; from += COPY_MOST) {
      tbs.set(part.length <= COPY_MOST ? part : part.subarray(from, from + COPY_MOST), offset + from);
      await breathe();
    }
    offset += part.length;
  }
  tbs.set(behind, offset);
  return { tbs: accept(tbs), seal: (signature) => sheet.seal(signature) };
}

/** Octets copied at a time, which takes a fifth of a millisecond. */
const COPY_MOST = 2 ** 20;

/** The lints judge what our own strict parser makes of the bytes; bytes that it refuses fail as such. */
function pass<Subject>(tbs: Uint8Array, what: string, lints: readonly Lint<Subject>[], read: () => Subject): LintedTbs {
  const failed = failures(lints, readable(what, read));
  if (failed.length > 0) throw new LintError(`${what} must not be signed`, failed);
  return accept(tbs);
}

function readable<Subject>(what: string, read: () => Subject): Subject {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw new LintError(`${what} must not be signed`, [{ name: 'syntax', citation: 'RFC 5280, X.690', detail: cause.message }], { cause });
  }
}
