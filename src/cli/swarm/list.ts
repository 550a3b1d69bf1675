import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

/** `swarm list`: the registered swarms and their roots. */
export function addSwarmList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list the registered swarms')
    .description('List the swarms with a registered root or an open grace window. A swarm whose root was unregistered is not listed')
    .action(async (options: ConnectionOptions & PagingOptions) => {
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listSwarms(query)));
      writePage(context, options.json, page, [
        { head: 'SWARM', cell: ({ clusterId }) => clusterId },
        { head: 'ROOTS', cell: ({ roots }) => roots.map(({ digest }) => digest.slice(0, 16)).join(', ') },
        { head: 'SINCE', cell: ({ roots }) => (roots[0] === undefined ? '' : showTime(roots[0].addedAt)) },
        { head: 'GRACE UNTIL', cell: ({ graceUntil }) => (graceUntil === undefined ? '' : showTime(graceUntil)) },
      ], 'No swarm is registered.');
    });
  withExamples(withPaging(withConnection(command)), [['all of them, with whole digests', 'chancery swarm list --all --json']]);
}
