import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writePage, writeResult } from '../result.ts';
import { showTime } from '../text.ts';
import { showCampaign } from './renew-soon.ts';

interface Options extends ConnectionOptions {
  readonly end?: string;
}

/** `certificates campaigns`: the campaigns started by `renew-soon`. */
export function addCertificatesCampaigns(parent: Command, context: Context): void {
  const command = parent.command('campaigns')
    .summary('list campaigns started by renew-soon, or end one')
    .description('List the campaigns that have certificates renewed early, newest first. Each remains for 30 days after its time')
    .option('--end <id>', 'end this one: certificates not renewed yet are renewed at their usual time')
    .action(async (options: Options) => {
      const { end } = options;
      if (end !== undefined) {
        const ended = await withClient(context, options, (client) => client.endRenewalCampaign(end));
        return writeResult(context, options.json, ended, (paint) => `The campaign is ended.\n\n${showCampaign(ended, context.now(), paint)}`);
      }
      const page = await withClient(context, options, (client) => client.listRenewalCampaigns());
      writePage(context, options.json, page, [
        { head: 'CAMPAIGN', cell: ({ id }) => id },
        { head: 'FOR', cell: ({ authority, profile, requester }) => Object.entries({ authority, profile, requester }).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`])).join(', ') || 'all' },
        { head: 'BEGINS', cell: ({ startedAt }) => showTime(startedAt) },
        { head: 'DONE', cell: ({ endsAt }) => showTime(endsAt) },
        { head: 'REASON', cell: ({ reason }) => reason },
      ], 'No certificates are to be renewed early.');
    });
  withExamples(withConnection(command), [['end one', 'chancery certificates campaigns --end 0f4c1b9a6d2e8f7055aa31c2d4e6f810']]);
}
