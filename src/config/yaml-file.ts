import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';
import type { ConfigFault, Origin, Path } from './faults.ts';

/** In bytes: far above any configuration, and small enough to be read whole. */
const MOST_BYTES = 1_048_576;
/** The schema is five levels deep; an alias within its own anchor would be infinite. */
const MOST_DEPTH = 20;

/** A configuration file as read: its values, and the position of each. */
export interface WrittenFile {
  readonly values: unknown;
  /** By `pathKey`. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly faults: readonly ConfigFault[];
  /** True if users other than the owner may read the file. */
  readonly openToOthers: boolean;
}

export const pathKey = (path: Path): string => JSON.stringify(path);

/**
 * Reads one YAML document. Syntax errors, duplicate keys and unreadable files are returned as faults, not thrown. `source` is the file's
 * name in the faults.
 */
export function readYamlFile(file: string, source: string): WrittenFile {
  let text: string;
  let openToOthers: boolean;
  try {
    [text, openToOthers] = readSmallFile(file);
  } catch (error) {
    const problem = `cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`;
    return { values: undefined, origins: new Map(), openToOthers: false, faults: [{ source, path: '', problem, expected: `a YAML file of at most ${MOST_BYTES} bytes` }] };
  }
  return { ...parseYaml(text, source), openToOthers };
}

function readSmallFile(file: string): [text: string, openToOthers: boolean] {
  const descriptor = openSync(file, 'r');
  try {
    const { size, mode } = fstatSync(descriptor);
    if (size > MOST_BYTES) throw new RangeError('too large');
    return [readFileSync(descriptor, 'utf8'), (mode & 0o077) !== 0];
  } finally {
    closeSync(descriptor);
  }
}

/** The first occurrence of the key that is repeated at this offset. */
function firstOfName(document: Document, offset: number): { readonly name: string; readonly offset: number } | undefined {
  let first: { name: string; offset: number } | undefined;
  visit(document, {
    Map(_, { items }) {
      const keys = items.flatMap(({ key }) => isScalar(key) && key.range ? [{ value: key.value, offset: key.range[0] }] : []);
      const again = keys.find((key) => key.offset === offset);
      const before = keys.find(({ value }) => value === again?.value);
      if (again === undefined || before === undefined) return undefined;
      first = { name: String(before.value), offset: before.offset };
      return visit.BREAK;
    },
  });
  return first;
}

/** The text of a configuration file, as values with their positions. */
export function parseYaml(text: string, source: string): Omit<WrittenFile, 'openToOthers'> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const place = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { source, line, column: col };
  };
  const faults: ConfigFault[] = [...document.errors, ...document.warnings].map(({ code, message, pos: [offset] }) => {
    const first = code === 'DUPLICATE_KEY' ? firstOfName(document, offset) : undefined;
    return first === undefined ? { ...place(offset), path: '', problem: message, expected: 'YAML 1.2' }
      : { ...place(offset), path: first.name, problem: `is already in line ${lines.linePos(first.offset).line}`, expected: 'each name once, with all that belongs to it' };
  });
  // What follows a syntax error cannot be relied on.
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { values: undefined, origins: new Map(), faults };

  const origins = new Map<string, Origin>();
  const read = (node: Node | null | undefined, path: Path): unknown => {
    const offset = node?.range?.[0];
    if (offset !== undefined && !origins.has(pathKey(path))) origins.set(pathKey(path), place(offset));
    if (path.length > MOST_DEPTH) return undefined;
    if (isAlias(node)) return read(node.resolve(document), path);
    if (isSeq<Node>(node)) return node.items.map((item, index) => read(item, [...path, index]));
    if (isMap<Node, Node>(node)) return Object.fromEntries(node.items.map((pair) => readMember(pair, path)));
    return isScalar(node) ? node.value : undefined;
  };
  const readMember = ({ key, value }: Pair<Node, Node>, path: Path): [string, unknown] => {
    const name = isScalar(key) ? String(key.value) : '?';
    const inside = [...path, name];
    // The position of the key rather than of the value: that is where users look.
    if (key.range) origins.set(pathKey(inside), place(key.range[0]));
    return [name, read(value, inside)];
  };
  return { values: read(document.contents, []), origins, faults };
}
