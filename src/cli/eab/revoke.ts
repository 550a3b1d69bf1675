import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { printable } from '../text.ts';

/** `eab revoke`: stops a key from binding further accounts; accounts already bound remain. */
export function addEabRevoke(parent: Command, context: Context): void {
  const command = parent.command('revoke')
    .summary('revoke a key for external account binding')
    .description('Revoke a key for external account binding. The accounts it has bound stay valid; \'chancery acme revoke-account\' revokes one')
    .argument('<kid>', 'the key id, as \'chancery eab list\' shows it')
    .action(async (kid: string, options: ConnectionOptions) => {
      const key = await withClient(context, options, (client) => client.revokeEabKey(kid));
      writeResult(context, options.json, key, () => `EAB key ${printable(kid)} is revoked.\n`);
    });
  withExamples(withConnection(command), [['by its id', 'chancery eab revoke k3j5q2mzrt4w7abc']]);
}
