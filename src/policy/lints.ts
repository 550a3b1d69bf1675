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
 * Bytes that passed their lints. Nothing else can be signed, and nothing outside this file can make one: a signing key
 * takes this type and no plain bytes.
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

/** Whatever a signing key may sign. */
export type Linted = LintedTbs;

/** Bytes that must not be signed: every lint that failed, with its citation. */
export class LintError extends Error {
  override readonly name = 'LintError';
  readonly failures: readonly Failure[];

  constructor(what: string, failed: readonly Failure[], options?: ErrorOptions) {
    super(`${what}: ${failed.map(({ name, citation, detail }) => `${detail} (${name}, ${citation})`).join('; ')}`, options);
    this.failures = failed;
  }
}

/** Every rule for certificates. */
export const CERTIFICATE_LINTS: readonly Lint<CertificateSubject>[] = [...FIELD_LINTS, ...EXTENSION_LINTS, ...NAME_LINTS];

/**
 * Passes the TBSCertificate of a certificate that `context.issuer` is to sign.
 * @throws LintError naming every failed lint
 */
export function lint(tbs: Uint8Array, context: CertificateContext): LintedTbs {
  return pass(tbs, 'the certificate', CERTIFICATE_LINTS, () => {
    const { tbs: read, values } = readValues(parseTbsCertificate(tbs));
    return { tbs: read, values, issuer: readIssuer(context.issuer), isSelfSigned: false, asked: context };
  });
}

/**
 * Passes the TBSCertificate of a CA certificate that its own key is to sign.
 * @throws LintError naming every failed lint
 */
export function lintSelfSigned(tbs: Uint8Array): LintedTbs {
  return pass(tbs, 'the self-signed certificate', CERTIFICATE_LINTS, () => {
    const own = readValues(parseTbsCertificate(tbs));
    return { tbs: own.tbs, values: own.values, issuer: own, isSelfSigned: true, asked: {} };
  });
}

/**
 * Passes the TBSCertList of a CRL that `context.issuer` is to sign.
 * @throws LintError naming every failed lint
 */
export function lintCrl(tbs: Uint8Array, context: { readonly issuer: Certificate }): LintedTbs {
  return pass(tbs, 'the CRL', CRL_LINTS, () => readCrl(tbs, readIssuer(context.issuer)));
}

/**
 * Passes the ResponseData of an OCSP answer that `context.responder` is to sign for `context.authority`.
 * @throws LintError naming every failed lint
 */
export function lintOcspResponse(data: Uint8Array, context: OcspContext): LintedTbs {
  return pass(data, 'the OCSP answer', OCSP_LINTS, () => readOcsp(data, context));
}

/** A CRL that is laid out and may be signed; `seal` makes it whole. */
export interface LaidCrl {
  readonly tbs: LintedTbs;
  readonly seal: (signature: Uint8Array) => Uint8Array;
}

/**
 * Lays a CRL out around entries that were checked one by one when they came in, and passes it. The lints judge the very frame that is
 * written; the entries are not read again: there may be a million of them, twice a minute.
 * @param breathe called between two copies of at most a mebibyte
 * @throws LintError naming every failed lint
 */
export async function layCrl(
  fields: Omit<TbsCrlFields, 'entries'>, entries: EntrySelection,
  { issuer, signatureOctets, breathe }: { readonly issuer: Certificate; readonly signatureOctets: number; readonly breathe: () => Promise<void> | void },
): Promise<LaidCrl> {
  const [before, behind] = frameTbsCrl(fields, entries.octets);
  // Without entries the same fields make the same frame but for two lengths.
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

/** Octets copied in one go: a fifth of a millisecond. */
const COPY_MOST = 2 ** 20;

/** The lints judge what our own strict reader makes of the bytes; what it refuses is a failed lint by itself. */
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
