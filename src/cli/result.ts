import type { PageReply } from '../client/replies.ts';
import type { Context } from './context.ts';
import { type Style, painter, table } from './text.ts';

/** Prints a command's result: the value itself as JSON, or formatted by `human`. */
export function writeResult(context: Context, json: boolean | undefined, value: unknown, human: (paint: (style: Style, text: string) => string) => string): void {
  context.stdout.write(json === true ? `${JSON.stringify(value, undefined, 2)}\n` : human(painter(context)));
}

export interface Column<T> {
  readonly head: string;
  readonly cell: (item: T) => string;
}

/** Prints a page of a listing: a table, with a hint on how to get the rest. */
export function writePage<T>(context: Context, json: boolean | undefined, page: PageReply<T>, columns: readonly Column<T>[], none: string): void {
  writeResult(context, json, page, (paint) => (page.items.length === 0
    ? `${none}\n`
    : table(columns.map(({ head }) => head), page.items.map((item) => columns.map(({ cell }) => cell(item))), paint)));
  if (json !== true && page.next !== undefined) context.stderr.write(`There is more: --cursor ${page.next}, a greater --limit, or --all\n`);
}
