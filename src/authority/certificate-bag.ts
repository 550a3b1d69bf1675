import { fromBER, type BaseBlock, Constructed, ObjectIdentifier, Sequence } from 'asn1js';
import { refuse } from './errors.ts';

/** A chain with its root consists of a handful of certificates of 1 to 2 kB. */
const MOST_BYTES = 1024 * 1024;
const MOST_CERTIFICATES = 32;
/** RFC 5652 5.1. */
const SIGNED_DATA = '1.2.840.113549.1.7.2';
/** Some tools label PKCS#7 as CERTIFICATE, so the content decides rather than the label. */
const PEM_BLOCK = /-----BEGIN (CERTIFICATE|X509 CERTIFICATE|PKCS7|CMS|PKCS #7 SIGNED DATA)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g;

/**
 * The certificates in a file from another CA, DER, in file order: PEM blocks surrounded by any text, a single DER certificate, or PKCS#7 (`.p7b`)
 * as DER or PEM. None of them is trusted yet.
 * @throws AuthorityError `import-unreadable`
 */
export function readCertificateBag(file: Uint8Array, name: string): Uint8Array[] {
  if (file.length > MOST_BYTES) refuse('import-unreadable', `has ${file.length} bytes; expected at most ${MOST_BYTES}`, name);
  const blocks = [...Buffer.from(file).toString('latin1').matchAll(PEM_BLOCK)].map((match) => Buffer.from(match[2] as string, 'base64'));
  const certificates = (blocks.length > 0 ? blocks : [file]).flatMap((der) => unpack(der, name));
  if (certificates.length === 0) refuse('import-unreadable', 'holds no certificate', name);
  if (certificates.length > MOST_CERTIFICATES) {
    refuse('import-unreadable', `holds ${certificates.length} certificates; expected at most ${MOST_CERTIFICATES}`, name);
  }
  return unique(certificates);
}

/** A single certificate, or those of a SignedData. PKCS#7 may be BER, which our own parser refuses, so asn1js reads the wrapping. */
function unpack(der: Uint8Array, name: string): Uint8Array[] {
  const outer = read(der, name);
  const [first, content] = children(outer);
  if (first instanceof Sequence) return [raw(outer)];
  if (!(first instanceof ObjectIdentifier) || first.valueBlock.toString() !== SIGNED_DATA) {
    return refuse('import-unreadable', 'is neither a certificate nor PKCS#7 signed data', name);
  }
  // ContentInfo { contentType, [0] SignedData { version, digestAlgorithms, encapContentInfo, [0] certificates, … } }
  const certificates = children(children(content)[0]).find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 0);
  // CertificateChoices (RFC 5652 10.2.2): the tagged choices are obsolete, or not certificates.
  return children(certificates).filter((choice) => choice instanceof Sequence).map(raw);
}

function read(der: Uint8Array, name: string): BaseBlock {
  const { offset, result } = decode(der, name);
  if (offset === -1 || offset < der.length) refuse('import-unreadable', offset === -1 ? 'is neither PEM nor DER' : 'has bytes after its end', name);
  return result;
}

function decode(der: Uint8Array, name: string): { readonly offset: number; readonly result: BaseBlock } {
  try {
    return fromBER(new Uint8Array(der).buffer);
  } catch (cause) {
    // asn1js throws on some malformed input, and on deep nesting.
    return refuse('import-unreadable', 'is neither PEM nor DER', name, { cause });
  }
}

const children = (block: BaseBlock | undefined): BaseBlock[] => (block instanceof Constructed ? block.valueBlock.value : []);
const raw = (block: BaseBlock): Uint8Array => block.valueBeforeDecodeView.slice();

const unique = (list: readonly Uint8Array[]): Uint8Array[] =>
  [...new Map(list.map((der) => [Buffer.from(der).toString('latin1'), der])).values()];
