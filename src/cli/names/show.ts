import type { Command } from 'commander';
import type { HoldingReply } from '../../client/replies.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { fields, printable, showTimeFrom, type Style } from '../text.ts';
import { type ThingOptions, thingFrom, withKey } from './thing.ts';

/** `names show`: the holder of a name. */
export function addNamesShow(parent: Command, context: Context): void {
  const command = parent.command('show')
    .summary('show who owns a name or key')
    .description('Show who owns a name or key, and by which certificates, if eligibility includes name-ownership or known-key')
    .argument('[name]', 'a name in certificates')
    .action(async (name: string | undefined, options: ConnectionOptions & ThingOptions) => {
      const holding = await withClient(context, options, (client) => client.getHolding(thingFrom(name, options)));
      writeResult(context, options.json, holding, (paint) => showHolding(holding, context.now(), paint));
    });
  withExamples(withConnection(withKey(command)), [['a host\'s name', 'chancery names show node1.example.com']]);
}

/** The holder of a name or key, in readable form. */
export function showHolding({ name, key, owner, certificates }: HoldingReply, now: number, paint: (style: Style, text: string) => string): string {
  const what = printable(name ?? key ?? '');
  if (owner === undefined) return `Nobody holds ${what}.\n`;
  return fields([
    [name === undefined ? 'key' : 'name', what], ['owner', owner],
    ...certificates.map(({ serial, until }) => ['by', `certificate ${serial}, which expires ${showTimeFrom(now, until)}`] as const),
  ], paint);
}
