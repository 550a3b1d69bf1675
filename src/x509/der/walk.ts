import type { DerReader } from './reader.ts';
import * as tags from './tags.ts';

/** Upper bound of elements within one unused value. */
const MAX_WALKED = 1024;

/** Strict readers for primitive elements whose value is not used; types not listed may have any content. */
const PRIMITIVES: Readonly<Record<number, (reader: DerReader, what: string) => unknown>> = {
  [tags.BOOLEAN]: (reader, what) => reader.boolean(what),
  [tags.INTEGER]: (reader, what) => reader.integer(what),
  [tags.ENUMERATED]: (reader, what) => reader.integer(what, tags.ENUMERATED),
  [tags.NULL]: (reader, what) => reader.null(what),
  [tags.OBJECT_IDENTIFIER]: (reader, what) => reader.oid(what),
  [tags.UTF8_STRING]: (reader, what) => reader.utf8String(what),
  [tags.PRINTABLE_STRING]: (reader, what) => reader.printableString(what),
  [tags.IA5_STRING]: (reader, what) => reader.ia5String(what),
};

/** Skips one element, checking its encoding at every level. The reader bounds the depth, `budget` the number of elements. */
export function walkElement(reader: DerReader, what: string, budget = { left: MAX_WALKED }): void {
  if (budget.left-- <= 0) reader.fail('too-many-elements', `${what} has more than ${MAX_WALKED} elements`);
  const tag = reader.peek();
  if (tag < 0 || (tag & tags.CONSTRUCTED) === 0) {
    const read = PRIMITIVES[tag];
    if (read === undefined) reader.content(tag, what);
    else read(reader, what);
    return;
  }
  const inside = reader.enter(tag, what);
  while (!inside.atEnd) walkElement(inside, what, budget);
}
