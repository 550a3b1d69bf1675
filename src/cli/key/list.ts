import type { Command } from 'commander';
import type { ApiKeyReply } from '../../client/replies.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

/** `key list`: the API keys and their permissions. */
export function addKeyList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list API keys')
    .description('List the API keys, without their secrets')
    .action(async (options: ConnectionOptions & PagingOptions) => {
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listApiKeys(query)));
      writePage(context, options.json, page, [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'STATE', cell: (key) => keyState(key, context.now()) },
        { head: 'SCOPES', cell: ({ scopes }) => scopes.join(', ') },
        { head: 'ENDS', cell: ({ expiresAt }) => showTime(expiresAt) },
      ], 'There are no API keys.');
    });
  withExamples(withPaging(withConnection(command)), [['all of them', 'chancery key list --all']]);
}

function keyState({ revokedAt, expiresAt }: ApiKeyReply, now: number): string {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? 'ended' : 'usable';
}
