import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { printable } from '../text.ts';

/** `token revoke`: stops a token from yielding further certificates; those already issued remain valid. */
export function addTokenRevoke(parent: Command, context: Context): void {
  const command = parent.command('revoke')
    .summary('revoke an enrolment token')
    .description('Revoke an enrolment token. The certificates it yielded stay valid')
    .argument('<id>', 'the token\'s id, as \'chancery token list\' shows it')
    .action(async (id: string, options: ConnectionOptions) => {
      const token = await withClient(context, options, (client) => client.revokeToken(id));
      writeResult(context, options.json, token, () => `Token ${printable(id)} is revoked.\n`);
    });
  withExamples(withConnection(command), [['by its id', 'chancery token revoke k3j5q2mzrt4w7abc']]);
}
