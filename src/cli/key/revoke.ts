import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { printable } from '../text.ts';

/** `key revoke`: permanently disables an API key. */
export function addKeyRevoke(parent: Command, context: Context): void {
  const command = parent.command('revoke')
    .summary('revoke an API key')
    .description('Revoke an API key')
    .argument('<id>', 'the key\'s id, as \'chancery key list\' shows it')
    .action(async (id: string, options: ConnectionOptions) => {
      const key = await withClient(context, options, (client) => client.revokeApiKey(id));
      writeResult(context, options.json, key, () => `API key ${printable(id)} is revoked.\n`);
    });
  withExamples(withConnection(command), [['by its id', 'chancery key revoke k3j5q2mzrt4w7abc']]);
}
