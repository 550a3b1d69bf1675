import { type Command, Option } from 'commander';
import { timeArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage } from '../result.ts';
import { showTime } from '../text.ts';

interface Options extends ConnectionOptions, PagingOptions {
  readonly name?: string;
  readonly profile?: string;
  readonly status?: string;
  readonly expiresBefore?: string;
  readonly requester?: string;
}

/** `certificates list`: newest first. */
export function addCertificatesList(parent: Command, context: Context): void {
  const command = parent.command('list')
    .summary('list certificates')
    .description('List issued certificates, newest first')
    .option('--name <name>', 'only those for this name; *.example.com for all names below')
    .option('--profile <profile>', 'only those of this profile')
    .addOption(new Option('--status <status>', 'only those with this status').choices(['valid', 'revoked', 'expired']))
    .option('--expires-before <time>', 'only those that expire before: a date, an ISO 8601 time, or a span such as 7d', timeArgument(context.now, 'future'))
    .option('--requester <name>', 'only those of this requester')
    .action(async (options: Options) => {
      const { name, profile, status, expiresBefore, requester } = options;
      const page = await withClient(context, options, (client) =>
        collect(context, options, (query) => client.listCertificates({ ...query, name, profile, status, expiresBefore, requester })));
      writePage(context, options.json, page, [
        { head: 'SERIAL', cell: ({ serial }) => serial },
        { head: 'STATUS', cell: ({ status: is, revocation }) => (revocation?.reason === 'certificateHold' ? 'on hold' : is) },
        { head: 'PROFILE', cell: (certificate) => certificate.profile },
        { head: 'ENDS', cell: ({ notAfter }) => showTime(notAfter) },
        { head: 'NAMES', cell: ({ names }) => names.join(', ') },
      ], 'There are no such certificates.');
    });
  withExamples(withPaging(withConnection(command)), [
    ['those that expire within a week', 'chancery certificates list --status valid --expires-before 7d'],
    ['every certificate of a host', 'chancery certificates list --name node1.example.com --all'],
    ['their serials, for a script', 'chancery certificates list --name "*.old.example.com" --json --all | jq -r ".items[].serial"'],
  ]);
}
