import { DerReader } from './der/reader.ts';
import * as tags from './der/tags.ts';
import { boolean, contextExplicit, contextPrimitive, ia5Bytes, octetString, oid, sequence } from './der/writer.ts';
import { X509Error } from './errors.ts';
import { NAME_TAGS, type NameKind } from './general-name.ts';
import { formatCidr, parseCidr } from './ip-address.ts';
import { OID } from './oids.ts';

/** A subtree of names (RFC 5280 4.2.1.10): `example.com`, `10.0.0.0/8`, a mail host or mailbox, a URI host. */
export interface NameSubtree {
  readonly kind: NameKind;
  readonly value: string;
}

export interface NameConstraints {
  readonly permitted: readonly NameSubtree[];
  readonly excluded: readonly NameSubtree[];
}

/** Bounded because every name below the CA is compared with every subtree. */
const MAX_SUBTREES = 256;

const KINDS = new Map(Object.entries(NAME_TAGS).map(([kind, n]) => [tags.contextTag(n), kind as NameKind]));

/** A host and everything below it; with a leading dot, only what is below. */
const HOST = /^\.?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const FORMS: Readonly<Record<Exclude<NameKind, 'ip'>, RegExp>> = {
  dns: HOST,
  uri: HOST,
  email: new RegExp(`^[\\w!#$%&'*+/=?^\`{|}~.-]+@${HOST.source.slice(4)}|${HOST.source}`, 'i'),
};

/** Encodes the extension: critical, for CA certificates only. Throws an `X509Error` if a subtree does not have the form of its kind. */
export function nameConstraints({ permitted = [], excluded = [] }: Partial<NameConstraints>): Uint8Array {
  if (permitted.length + excluded.length === 0) throw new X509Error('empty-list', 'nameConstraints needs at least one subtree');
  const subtrees = (n: number, list: readonly NameSubtree[]): Uint8Array[] => (list.length === 0 ? [] : [contextExplicit(n, ...list.map(encodeSubtree))]);
  return sequence(oid(OID.nameConstraints), boolean(true), octetString(sequence(...subtrees(0, permitted), ...subtrees(1, excluded))));
}

function encodeSubtree({ kind, value }: NameSubtree): Uint8Array {
  if (kind !== 'ip') {
    if (!FORMS[kind].test(value)) throw new X509Error('bad-extension', `'${value}' is not a name constraint of kind ${kind}`);
    return sequence(contextPrimitive(NAME_TAGS[kind], ia5Bytes(value)));
  }
  const network = parseCidr(value);
  if (network === undefined) throw new X509Error('bad-ip-address', `'${value}' is not a network such as 10.0.0.0/8, without host bits`);
  return sequence(contextPrimitive(NAME_TAGS.ip, network));
}

/** Decodes the extension. Kinds that Chancery does not issue are refused, since a constraint must not be ignored. */
export function decodeNameConstraints(value: Uint8Array): NameConstraints {
  const reader = new DerReader(value);
  const fields = reader.sequence('nameConstraints');
  reader.finish('nameConstraints');
  const permitted = readSubtrees(fields, 0, 'permittedSubtrees');
  const excluded = readSubtrees(fields, 1, 'excludedSubtrees');
  fields.finish('nameConstraints');
  if (permitted.length + excluded.length === 0) fields.fail('empty-list', 'nameConstraints is empty');
  return { permitted, excluded };
}

function readSubtrees(fields: DerReader, n: number, what: string): NameSubtree[] {
  const tag = tags.contextConstructedTag(n);
  if (!fields.is(tag)) return [];
  const list = fields.enter(tag, what);
  const subtrees: NameSubtree[] = [];
  while (!list.atEnd) {
    if (subtrees.length === MAX_SUBTREES) list.fail('too-many-elements', `${what} has more than ${MAX_SUBTREES} subtrees`);
    const subtree = list.sequence('GeneralSubtree');
    const base = subtree.peek();
    const kind = KINDS.get(base);
    if (kind === undefined) return subtree.fail('unsupported-name-kind', `${what} has a name of kind ${tags.tagName(base)}; dNSName, iPAddress, rfc822Name and URI are accepted`);
    subtrees.push({ kind, value: kind === 'ip' ? formatCidr(subtree.content(base, what)) : subtree.ia5String(what, base) });
    // RFC 5280 4.2.1.10: minimum is 0 and thus omitted; maximum is absent.
    subtree.finish('GeneralSubtree');
  }
  return subtrees;
}
