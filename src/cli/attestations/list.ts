import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

/** `attestations list`: nodes that may attest once, and have. */
export function addAttestationsList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list nodes that proved what they are')
    .description('List the nodes that proved what they are, of those that may do so only once')
    .action(async (options: ConnectionOptions & PagingOptions) => {
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listAttestations(query)));
      writePage(context, options.json, page, [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'KIND', cell: ({ kind }) => kind },
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'CLAIMED', cell: ({ claimedAt }) => showTime(claimedAt) },
        { head: 'TOKEN', cell: ({ token }) => token },
      ], 'No node has proved itself yet.');
    });
  withExamples(withPaging(withConnection(command)), [['all of them', 'chancery attestations list --all']]);
}
