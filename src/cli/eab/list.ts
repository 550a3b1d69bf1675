import type { Command } from 'commander';
import type { EabKeyReply } from '../../client/replies.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { printable, showTime } from '../text.ts';

/** `eab list`: the keys for external account binding and their remaining uses. */
export function addEabList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list the keys for external account binding')
    .description('List the keys for external account binding, without their secrets')
    .action(async (options: ConnectionOptions & PagingOptions) => {
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listEabKeys(query)));
      writePage(context, options.json, page, [
        { head: 'KID', cell: ({ id }) => id },
        { head: 'STATE', cell: (key) => stateOf(key, context.now()) },
        { head: 'USED', cell: ({ accounts, uses }) => `${accounts.length}/${uses}` },
        { head: 'ENDS', cell: ({ expiresAt }) => showTime(expiresAt) },
        { head: 'AUTHORITY', cell: ({ authority }) => authority ?? 'any' },
        { head: 'PREAUTHORIZED', cell: ({ names = [] }) => printable(names.join(', ')) },
        { head: 'NOTE', cell: ({ note }) => printable(note ?? '') },
      ], 'There are no keys for external account binding.');
    });
  withExamples(withPaging(withConnection(command)), [['all of them', 'chancery eab list --all']]);
}

function stateOf({ revokedAt, expiresAt, accounts, uses }: EabKeyReply, now: number): string {
  if (revokedAt !== undefined) return 'revoked';
  if (Date.parse(expiresAt) <= now) return 'ended';
  return accounts.length >= uses ? 'used up' : 'usable';
}
