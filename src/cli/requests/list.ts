import { type Command, Option } from 'commander';
import { TRANSITIONS } from '../../issuance/request.ts';
import { timeArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

interface Options extends ConnectionOptions, PagingOptions {
  readonly state?: string;
  readonly profile?: string;
  readonly name?: string;
  readonly requester?: string;
  readonly since?: string;
}

/** `requests list`: newest first. */
export function addRequestsList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list requests')
    .description('List certificate requests, newest first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(Object.keys(TRANSITIONS)))
    .option('--profile <profile>', 'only those of this profile')
    .option('--name <name>', 'only those for this name; *.example.com for all names below')
    .option('--requester <name>', 'only those of this requester')
    .option('--since <time>', 'only those made since then: a date, an ISO 8601 time, or a span such as 7d', timeArgument(context.now, 'past'))
    .action(async (options: Options) => {
      const { state, profile, name, requester, since } = options;
      const page = await withClient(context, options, (client) =>
        collect(context, options, (query) => client.listRequests({ ...query, state, profile, name, requester, since })));
      writePage(context, options.json, page, [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'STATE', cell: (request) => request.state },
        { head: 'PROFILE', cell: (request) => request.profile },
        { head: 'REQUESTER', cell: (request) => `${request.requester.kind} ${request.requester.name}` },
        { head: 'MADE', cell: ({ createdAt }) => showTime(createdAt) },
        { head: 'NAMES', cell: ({ names }) => names.join(', ') },
      ], 'There are no such requests.');
    });
  withExamples(withPaging(withConnection(command)), [
    ['those that wait for a decision', 'chancery requests list --state pending'],
    ['those refused since yesterday', 'chancery requests list --state denied --since 1d'],
  ]);
}
