import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { printable } from '../text.ts';
import { type ThingOptions, thingFrom, withKey } from './thing.ts';

/** `names release`: makes a name available again. */
export function addNamesRelease(parent: Command, context: Context): void {
  const command = parent.command('release')
    .summary('release a name or key')
    .description('Release a name or key: the next one to ask may have it. Certificates for it stay valid: revoke them if they must not')
    .argument('[name]', 'a name in certificates')
    .requiredOption('--reason <text>', 'why; recorded in the audit log')
    .action(async (name: string | undefined, options: ConnectionOptions & ThingOptions & { readonly reason: string }) => {
      const thing = thingFrom(name, options);
      const holding = await withClient(context, options, (client) => client.releaseHolding(thing, options.reason));
      writeResult(context, options.json, holding, () => `${printable('name' in thing ? thing.name : thing.key)} is released; it was held by ${printable(holding.owner ?? 'nobody')}.\n`);
    });
  withExamples(withConnection(withKey(command)), [['a host that was set up again', 'chancery names release node1.example.com --reason "new hardware, ticket 4711"']]);
}
