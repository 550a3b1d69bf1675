import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { issuingThere } from '../issuing-authority.ts';
import { writeResult } from '../result.ts';
import { fields, showTime, showTimeFrom } from '../text.ts';

/** `crl publish`: publishes a new CRL now. */
export function addCrlPublish(parent: Command, context: Context): void {
  const command = parent.command('publish')
    .summary('publish a new CRL now')
    .description('Publish a new CRL now. Revocations are published automatically within a second; this is for use after a repair')
    .option('--authority <name>', 'whose CRL (default: the authority that issues now)')
    .action(async (options: ConnectionOptions & { readonly authority?: string }) => {
      const { authority, crl } = await withClient(context, options, async (client) => {
        const name = options.authority ?? await issuingThere(client);
        return { authority: name, crl: await client.publishCrl(name) };
      });
      writeResult(context, options.json, crl, (paint) => fields([
        ['authority', authority],
        ['number', crl.number],
        ['this update', showTime(crl.thisUpdate)],
        ['next update', showTimeFrom(context.now(), crl.nextUpdate)],
      ], paint));
    });
  withExamples(withConnection(command), [['the issuing authority\'s', 'chancery crl publish'], ['the root\'s', 'chancery crl publish --authority root']]);
}
