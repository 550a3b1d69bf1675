import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type PagingOptions, collect, withPaging } from '../paging.ts';
import { writePage, writeResult } from '../result.ts';
import { fields, printable, showTime } from '../text.ts';

/** `acme orders`: the orders of ACME clients. */
export function addAcmeOrders(parent: Command, context: Context): void {
  const command = parent.command('orders')
    .summary('list ACME orders')
    .description('List ACME orders, newest first')
    .option('--account <id>', 'only those of this account')
    .action(async (options: ConnectionOptions & PagingOptions & { readonly account?: string }) => {
      const { account } = options;
      const page = await withClient(context, options, (client) => collect(context, options, (query) => client.listAcmeOrders({ ...query, account })));
      writePage(context, options.json, page, [
        { head: 'ID', cell: ({ id }) => id },
        { head: 'STATE', cell: ({ status }) => status },
        { head: 'MADE', cell: ({ createdAt }) => showTime(createdAt) },
        { head: 'NAMES', cell: ({ identifiers }) => printable(identifiers.map(({ value }) => value).join(', ')) },
        { head: 'SERIAL', cell: ({ serial }) => serial ?? '' },
        { head: 'PROBLEM', cell: ({ problem }) => printable(problem ?? '') },
      ], 'There are no ACME orders.');
    });
  withExamples(withPaging(withConnection(command)), [['of one account', 'chancery acme orders --account 6f0c2b9a5d1e4f7788990011aabbccdd']]);
}

/** `acme order`: one order, and the reason for its state. */
export function addAcmeOrder(parent: Command, context: Context): void {
  const command = parent.command('order')
    .summary('show an ACME order')
    .description('Show an ACME order with its authorizations, challenges and their problems')
    .argument('<id>', 'the order\'s id, the last part of its address')
    .action(async (id: string, options: ConnectionOptions) => {
      const order = await withClient(context, options, (client) => client.getAcmeOrder(id));
      writeResult(context, options.json, order, (paint) => fields([
        ['id', order.id],
        ['state', order.status],
        ['account', order.account],
        ['profile', order.profile],
        ['made', showTime(order.createdAt)],
        ['ends', showTime(order.expiresAt)],
        ['serial', order.serial],
        ['problem', order.problem],
        ...(order.authorizations ?? []).flatMap(({ name, status, challenges }): [string, string][] => [
          [name, status], ...challenges.map(({ type, status: of, problem }): [string, string] => [`  ${type}`, `${of}${problem === undefined ? '' : `: ${problem}`}`]),
        ]),
      ], paint));
    });
  withExamples(withConnection(command), [['by its id', 'chancery acme order 6f0c2b9a5d1e4f7788990011aabbccdd']]);
}
