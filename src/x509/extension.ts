import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { boolean, octetString, oid, sequence } from './der/writer.ts';
import { oidName } from './oids.ts';

/** One extension (RFC 5280 4.1.2.9); `value` is the content of its OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** More than any certificate has. */
const MAX_EXTENSIONS = 32;

/** Encodes a complete Extension. */
export function encodeExtension({ oid: type, critical, value }: Extension): Uint8Array {
  // X.690 11.5: FALSE is the default and therefore omitted.
  return critical ? sequence(oid(type), boolean(true), octetString(value)) : sequence(oid(type), octetString(value));
}

/**
 * Reads Extensions: 1 to 32, no duplicate OIDs (RFC 5280 4.2), `critical` never encoded as FALSE (X.690 11.5). The values stay undecoded.
 * Throws an `X509Error`.
 */
export function readExtensions(reader: DerReader, what: string): Extension[] {
  const list = reader.sequence(what);
  if (list.atEnd) list.fail('empty-list', `${what} is empty; at least one extension is needed`);
  const extensions: Extension[] = [];
  while (!list.atEnd) {
    if (extensions.length === MAX_EXTENSIONS) list.fail('too-many-extensions', `${what} has more than ${MAX_EXTENSIONS} extensions`);
    const entry = list.sequence('extension');
    const type = entry.oid('extension type');
    if (extensions.some((other) => other.oid === type)) entry.fail('duplicate-extension', `${what} has ${oidName(type)} twice`);
    const critical = readDefaultFalse(entry, 'critical');
    const value = entry.octetString('extension value');
    entry.finish('extension');
    extensions.push({ oid: type, critical, value });
  }
  return extensions;
}

/** `BOOLEAN DEFAULT FALSE`: absent, or TRUE (X.690 11.5). */
export function readDefaultFalse(reader: DerReader, what: string, tag: number = tags.BOOLEAN): boolean {
  if (!reader.is(tag)) return false;
  if (!reader.boolean(what, tag)) reader.fail('default-encoded', `${what} is FALSE and written out, which DER forbids`);
  return true;
}

/** Decodes a complete extension value, allowing no trailing bytes. */
export function decodeValue<T>(value: Uint8Array, what: string, read: (reader: DerReader) => T): T {
  const reader = new DerReader(value);
  const result = read(reader);
  reader.finish(what);
  return result;
}

/** The decoded value of an extension, or undefined if it is absent. Throws whatever `decode` throws. */
export function valueOf<T>({ extensions }: { readonly extensions: readonly Extension[] }, wanted: string, decode: (value: Uint8Array) => T): T | undefined {
  const found = extensions.find(({ oid }) => oid === wanted);
  return found === undefined ? undefined : decode(found.value);
}
