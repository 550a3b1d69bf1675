import type { Command } from 'commander';
import type { Query } from '../client/chancery-client.ts';
import type { PageReply } from '../client/replies.ts';
import { integerArgument } from './arguments.ts';
import type { Context } from './context.ts';
import { startProgress } from './progress.ts';

/** Items requested in one call. */
const PAGE = 100;

export interface PagingOptions {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

/** Adds the options of a listing. */
export const withPaging = (command: Command): Command => command
  .option('--limit <n>', 'number of entries to list', integerArgument(1, 1_000_000), 50)
  .option('--cursor <cursor>', 'continue where an earlier listing ended')
  .option('--all', 'list everything');

/** Collects the number of items that the options ask for, in as many calls as necessary; `next` is set if there are more. */
export async function collect<T>(context: Context, options: PagingOptions, fetchPage: (query: Query) => Promise<PageReply<T>>): Promise<PageReply<T>> {
  const most = options.all === true ? Infinity : options.limit;
  const items: T[] = [];
  const progress = startProgress(context, 'reading');
  try {
    let cursor = options.cursor;
    do {
      const page = await fetchPage({ limit: Math.min(PAGE, most - items.length), cursor });
      items.push(...page.items);
      cursor = page.next;
      progress.update(`${items.length} read`);
      // A page may be short, or empty, although there is more.
    } while (cursor !== undefined && items.length < most);
    return cursor === undefined ? { items } : { items, next: cursor };
  } finally {
    progress.end();
  }
}
