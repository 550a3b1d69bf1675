import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

/** `authority list`: the authorities of the deployment. */
export function addAuthorityList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list the authorities')
    .description('List the authorities of the service')
    .action(async (options: ConnectionOptions) => {
      const page = await withClient(context, options, (client) => client.listAuthorities(), { kind: 'none' });
      writePage(context, options.json, page, [
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'STATE', cell: ({ revocation, signs, state, issuesFrom }) => (revocation !== undefined ? `revoked, ${revocation.reason}` : `${issuesFrom === undefined ? state : `issues from ${showTime(issuesFrom)}`}${signs ? '' : ', key elsewhere'}`) },
        { head: 'ENDS', cell: ({ notAfter }) => showTime(notAfter) },
        { head: 'SUBJECT', cell: ({ subject }) => subject },
      ], 'There are no authorities.');
    });
  withExamples(withConnection(command), [['whose key is here', 'chancery authority list']]);
}
