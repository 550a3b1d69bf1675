import { type Command, Option } from 'commander';
import { Failure } from '../../client/failure.ts';
import { PERMANENT_REASONS } from '../../x509/revocation-reason.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { fields, showTime } from '../text.ts';

const ABOUT = `Revoke an authority: its certificate goes on the CRL of the authority above it, whose key must be here. It issues nothing any more,
anyone who checks the whole chain refuses every certificate it signed, and this cannot be undone.
If the key above is elsewhere, you are told what to request from whom.`;

/** `authority revoke`. */
export function addAuthorityRevoke(parent: Command, context: Context): void {
  const command = parent.command('revoke')
    .summary('revoke an authority')
    .description(ABOUT)
    .argument('<name>', 'the authority\'s name')
    .addOption(new Option('--reason <reason>', 'why, by its RFC 5280 name').choices(PERMANENT_REASONS).makeOptionMandatory())
    .option('--yes', 'do not ask for confirmation')
    .action(async (name: string, options: ConnectionOptions & { readonly reason: string; readonly yes?: boolean }) => {
      if (options.yes !== true) await confirm(context, name);
      const authority = await withClient(context, options, (client) => client.revokeAuthority(name, options.reason));
      writeResult(context, options.json, authority, (paint) => `Authority ${name} is revoked.\n\n${fields([
        ['subject', authority.subject],
        ['revoked', authority.revocation === undefined ? undefined : `${showTime(authority.revocation.at)}, ${authority.revocation.reason}`],
      ], paint)}`);
    });
  withExamples(withConnection(command), [['its key was stolen', 'chancery authority revoke issuing --reason cACompromise']]);
}

async function confirm(context: Context, name: string): Promise<void> {
  if (context.ask === undefined) throw new Failure('usage', 'there is no terminal to ask on', { advice: 'give --yes, if you are sure' });
  const answer = await context.ask(`Everything that ${name} signed ends with it. To revoke it, type its name: `);
  if (answer.trim() !== name) throw new Failure('check-failed', 'nothing was revoked', { advice: `type ${name} to continue` });
}
