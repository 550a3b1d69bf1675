import type { Command } from 'commander';
import { durationArgument, integerArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { fields, printable, showTimeFrom } from '../text.ts';

interface Options extends ConnectionOptions {
  readonly authority?: string;
  readonly name?: readonly string[];
  readonly uses?: number;
  readonly ttl?: string;
  readonly note?: string;
}

/** `eab create`: creates a key for external account binding, and shows its secret this once. */
export function addEabCreate(parent: Command, context: Context): void {
  const command = parent.command('create')
    .summary('create a key for external account binding')
    .description('Create a key with which an ACME client binds its new account (--eab-kid and --eab-hmac-key of certbot and others).\nThe secret is shown once, and stored sealed.')
    .option('--authority <name>', 'bind only accounts of this authority')
    .option('--name <pattern...>', 'preauthorized: names for which its accounts need no challenge, such as *.lab.internal')
    .option('--uses <n>', 'how many accounts it may bind (default: 1)', integerArgument(1, 10_000))
    .option('--ttl <duration>', 'how long it can be used (default: 7d)', durationArgument)
    .option('--note <text>', 'what it is for')
    .action(async (options: Options) => {
      const { authority, name, uses, ttl, note } = options;
      const question = Object.fromEntries(Object.entries({ authority, names: name, uses, ttl, note }).filter(([, value]) => value !== undefined));
      const key = await withClient(context, options, (client) => client.createEabKey(question));
      writeResult(context, options.json, key, (paint) => fields([
        ['kid', paint('bold', key.id)],
        ['hmac', paint('bold', printable(key.hmac ?? ''))],
        ['authority', key.authority],
        ['preauthorized', key.names?.join(', ')],
        ['uses', String(key.uses)],
        ['ends', showTimeFrom(context.now(), key.expiresAt)],
        ['note', key.note],
      ], paint));
    });
  withExamples(withConnection(command), [
    ['one account, within a week', 'chancery eab create'],
    ['a network whose names need no challenge', 'chancery eab create --name "**.lab.internal" --uses 50 --ttl 30d'],
    ['straight into certbot', 'eval $(chancery eab create --json | jq -r \'"KID=\\(.id) HMAC=\\(.hmac)"\')'],
  ]);
}
