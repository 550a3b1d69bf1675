import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage, writeResult } from '../result.ts';
import { printable, showTime } from '../text.ts';

/** `acme accounts`: the accounts of ACME clients. */
export function addAcmeAccounts(parent: Command, context: Context): void {
  const command = parent.command('accounts')
    .summary('list ACME accounts')
    .description('List ACME accounts, newest first')
    .action(async (options: ConnectionOptions & PagingOptions) => {
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listAcmeAccounts(query)));
      writePage(context, options.json, page, [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'STATE', cell: ({ status }) => status },
        { head: 'AUTHORITY', cell: ({ authority }) => authority },
        { head: 'MADE', cell: ({ createdAt }) => showTime(createdAt) },
        { head: 'EAB', cell: ({ eab }) => eab ?? '' },
        { head: 'CONTACT', cell: ({ contact }) => printable(contact.join(', ')) },
      ], 'There are no ACME accounts.');
    });
  withExamples(withPaging(withConnection(command)), [['all of them', 'chancery acme accounts --all']]);
}

/** `acme revoke-account`: permanently disables an account. */
export function addAcmeRevokeAccount(parent: Command, context: Context): void {
  const command = parent.command('revoke-account')
    .summary('revoke an ACME account')
    .description('Revoke an ACME account: it can do nothing any more, and cannot be created again with its key. Its certificates stay valid')
    .argument('<id>', 'the account\'s id, as \'chancery acme accounts\' shows it')
    .action(async (id: string, options: ConnectionOptions) => {
      const account = await withClient(context, options, (client) => client.revokeAcmeAccount(id));
      writeResult(context, options.json, account, () => `ACME account ${printable(id)} is ${account.status}.\n`);
    });
  withExamples(withConnection(command), [['by its id', 'chancery acme revoke-account 6f0c2b9a5d1e4f7788990011aabbccdd']]);
}
