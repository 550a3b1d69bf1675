import type { Command } from 'commander';
import type { RenewalCampaignReply } from '../../client/replies.ts';
import { Failure } from '../../client/failure.ts';
import { durationArgument, timeArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { given } from '../given.ts';
import { writeResult } from '../result.ts';
import { type Style, fields, showTimeFrom } from '../text.ts';

interface Options extends ConnectionOptions {
  readonly authority?: string;
  readonly profile?: string;
  readonly requester?: string;
  readonly all?: boolean;
  readonly within: string;
  readonly from?: string;
  readonly reason: string;
}

const ABOUT = `Have certificates renewed early: after a compromise, before an authority is retired, or as a rehearsal.
Nothing is revoked. Nodes that run 'chancery renew --daemon', and ACME clients that support renewal information, learn of it when they next
ask, within six hours; each renews at its own moment within the given time. For 30 days after that, any that come later renew at once.`;

/** `certificates renew-soon`: starts a renewal campaign. */
export function addCertificatesRenewSoon(parent: Command, context: Context): void {
  const command = parent.command('renew-soon')
    .summary('have certificates renewed early')
    .description(ABOUT)
    .option('--authority <name>', 'those issued by this authority')
    .option('--profile <profile>', 'those of this profile')
    .option('--requester <name>', 'those of this requester')
    .option('--all', 'all certificates')
    .requiredOption('--within <span>', 'how long it may take: renewals are spread over this time', durationArgument)
    .option('--from <time>', 'when it starts: a date, an ISO 8601 time, or a span such as 2d (default: now)', timeArgument(context.now, 'future'))
    .requiredOption('--reason <text>', 'the reason, which is shown to those who renew')
    .action(async (options: Options) => {
      const { authority, profile, requester, all, within, from, reason } = options;
      const chosen = given({ authority, profile, requester });
      if ((Object.keys(chosen).length > 0) === (all === true)) {
        throw new Failure('usage', all === true ? '--all is given together with a selection' : 'nothing is selected', { advice: 'give --authority, --profile or --requester, or --all alone' });
      }
      const campaign = await withClient(context, options, (client) => client.createRenewalCampaign({ ...chosen, ...(all === true ? { all } : {}), within, ...given({ from }), reason }));
      writeResult(context, options.json, campaign, (paint) => `The certificates will be renewed.\n\n${showCampaign(campaign, context.now(), paint)}\n'chancery certificates campaigns --end ${campaign.id}' cancels it for those not renewed yet.\n`);
    });
  withExamples(withConnection(command), [
    ['when another authority takes over', 'chancery certificates renew-soon --authority issuing --from 2030-02-01T06:00:00Z --within 7d --reason "issuing-2 signs from the first on"'],
    ['a machine image held keys', 'chancery certificates renew-soon --profile node --within 2h --reason "keys in image 2026-11"'],
  ]);
}

/** A campaign in readable form. */
export const showCampaign = (campaign: RenewalCampaignReply, now: number, paint: (style: Style, text: string) => string): string => fields([
  ['campaign', campaign.id],
  ['authority', campaign.authority],
  ['profile', campaign.profile],
  ['requester', campaign.requester],
  ['reason', campaign.reason],
  ['begins', showTimeFrom(now, campaign.startedAt)],
  ['done', showTimeFrom(now, campaign.endsAt)],
  ['by', campaign.createdBy],
], paint);
