import { decodeRecord, encodeRecord } from '../store/record-codec.ts';
import type { CrlBase } from '../store/crl-store.ts';
import type { PortableItem } from '../store/transfer.ts';

/**
 * The items of a backup, one after another, each as
 *
 *     octets 0..3    length of all that follows, big-endian
 *     octets 4..7    length of the JSON
 *     then           JSON, and the remaining octets: a request's record (`record-codec.ts`), a CRL, or a CRL entry
 *
 * CRL numbers, which may exceed the range of JSON numbers, are strings.
 */
const PREFIX = 8;

export function encodeItems(items: readonly PortableItem[]): Buffer {
  return Buffer.concat(items.flatMap((item) => {
    const [json, octets] = parted(item);
    const text = Buffer.from(JSON.stringify(json, (_name, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)));
    const prefix = Buffer.allocUnsafe(PREFIX);
    prefix.writeUInt32BE(4 + text.length + octets.length, 0);
    prefix.writeUInt32BE(text.length, 4);
    return [prefix, text, octets];
  }));
}

const NONE = new Uint8Array();

function parted(item: PortableItem): readonly [json: object, octets: Uint8Array] {
  switch (item.kind) {
    case 'request': {
      const { record, ...rest } = item;
      return [rest, encodeRecord(record)];
    }
    case 'revocation': {
      const { change: { der, ...change }, ...rest } = item;
      return [{ ...rest, change }, der];
    }
    case 'crl': {
      const { crl: { der, ...crl }, ...rest } = item;
      return [{ ...rest, crl }, der];
    }
    default: return [item, NONE];
  }
}

/** @throws Error for octets that `encodeItems` did not produce */
export function* decodeItems(bytes: Buffer): Iterable<PortableItem> {
  for (let at = 0; at < bytes.length;) {
    if (at + PREFIX > bytes.length) throw new Error('an item that is cut short');
    const end = at + 4 + bytes.readUInt32BE(at);
    const jsonEnd = at + PREFIX + bytes.readUInt32BE(at + 4);
    if (end > bytes.length || jsonEnd > end) throw new Error('an item that is cut short');
    yield joined(JSON.parse(bytes.toString('utf8', at + PREFIX, jsonEnd)) as Json, bytes.subarray(jsonEnd, end));
    at = end;
  }
}

type Json = PortableItem & Readonly<Record<string, unknown>>;
type Numbered = Omit<CrlBase, 'number'> & { readonly number: string | bigint };

const numbered = <T extends Numbered>(base: T): T & { number: bigint } => ({ ...base, number: BigInt(base.number) });

function joined(json: Json, octets: Buffer): PortableItem {
  switch (json.kind) {
    case 'request': return { ...json, record: decodeRecord(octets) };
    case 'revocation': return { ...json, change: { ...json.change, der: octets } };
    case 'crl': {
      const { bases, ...crl } = numbered(json.crl);
      return { ...json, crl: { ...crl, ...(bases === undefined ? {} : { bases: bases.map(numbered) }), der: octets } };
    }
    case 'authority': return { ...json, sequences: json.sequences.map(numbered) };
    default: return json;
  }
}
