import { DerReader } from '../../x509/der/reader.ts';
import * as tags from '../../x509/der/tags.ts';
import { decodeValue, type Extension, readExtensions } from '../../x509/extension.ts';
import { decodeSubjectAltName } from '../../x509/extensions.ts';
import { X509Error } from '../../x509/errors.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import { OID } from '../../x509/oids.ts';
import { readSigned } from '../../x509/signed.ts';

/** The relevant contents of a tls-alpn-01 certificate (RFC 8737 3). */
export interface AlpnCertificate {
  readonly names: readonly GeneralName[];
  /** `digest` is undefined if the extension contains something else. */
  readonly acmeIdentifier: { readonly critical: boolean; readonly digest: Uint8Array | undefined } | undefined;
}

/** SHA-256. */
const DIGEST = 32;

/**
 * Reads the extensions, ignoring everything else in the certificate, which is irrelevant. Undefined if it is not a certificate in DER.
 */
export function readAlpnCertificate(der: Uint8Array): AlpnCertificate | undefined {
  try {
    const extensions = readCertificateExtensions(der);
    const names = extensions.find(({ oid }) => oid === OID.subjectAltName);
    const identifier = extensions.find(({ oid }) => oid === OID.acmeIdentifier);
    return {
      names: names === undefined ? [] : decodeSubjectAltName(names.value),
      acmeIdentifier: identifier === undefined ? undefined : { critical: identifier.critical, digest: digestOf(identifier.value) },
    };
  } catch (error) {
    if (error instanceof X509Error) return undefined;
    throw error;
  }
}

/** RFC 5280 4.1: refuses duplicate extensions, which two parsers could interpret differently. */
function readCertificateExtensions(der: Uint8Array): readonly Extension[] {
  const { body } = readSigned(der, 'certificate');
  const last = tags.contextConstructedTag(3);
  while (!body.atEnd && !body.is(last)) body.content(body.peek(), 'tbsCertificate');
  if (body.atEnd) return [];
  const explicit = body.enter(last, 'extensions');
  const extensions = readExtensions(explicit, 'extensions');
  explicit.finish('extensions');
  body.finish('tbsCertificate');
  return extensions;
}

function digestOf(value: Uint8Array): Uint8Array | undefined {
  const digest = new DerReader(value).is(tags.OCTET_STRING) ? decodeValue(value, 'acmeIdentifier', (reader) => reader.octetString('acmeIdentifier')) : undefined;
  return digest?.length === DIGEST ? digest : undefined;
}
