import type { Command } from 'commander';
import type { TokenReply } from '../../client/replies.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

/** `token list`: the enrolment tokens and their remaining uses. */
export function addTokenList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list enrolment tokens')
    .description('List the enrolment tokens, without their secrets')
    .action(async (options: ConnectionOptions & PagingOptions) => {
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listTokens(query)));
      writePage(context, options.json, page, [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'STATE', cell: (token) => tokenState(token, context.now()) },
        { head: 'PROFILE', cell: ({ profiles }) => profiles.join(', ') },
        { head: 'USED', cell: ({ used, uses }) => `${used ?? 0}/${uses}` },
        { head: 'ENDS', cell: ({ expiresAt }) => showTime(expiresAt) },
        { head: 'NAMES', cell: ({ names }) => names.join(', ') },
        { head: 'NOTE', cell: ({ note }) => note ?? '' },
      ], 'There are no enrolment tokens.');
    });
  withExamples(withPaging(withConnection(command)), [['all of them', 'chancery token list --all']]);
}

function tokenState(token: TokenReply, now: number): string {
  if (token.revokedAt !== undefined) return 'revoked';
  if (Date.parse(token.expiresAt) <= now) return 'ended';
  return (token.used ?? 0) >= token.uses ? 'used up' : 'usable';
}
