import { type Command, Option } from 'commander';
import { SCOPES, type Scope } from '../../identity/identity.ts';
import { durationArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { fields, printable, showTimeFrom } from '../text.ts';

interface Options extends ConnectionOptions {
  readonly scope: readonly Scope[];
  readonly ttl?: string;
}

/** `key create`: creates an API key, and shows its text this once. */
export function addKeyCreate(parent: Command, context: Context): void {
  const command = parent.command('create')
    .summary('create an API key')
    .description('Create an API key for an operator\'s program. The key is shown once; only its hash is stored.')
    .argument('<name>', 'who or what holds it; appears in the audit log')
    .addOption(new Option('--scope <scope...>', 'what it may do').choices(SCOPES).makeOptionMandatory())
    .option('--ttl <duration>', 'how long it can be used (default: until it is revoked)', durationArgument)
    .action(async (name: string, options: Options) => {
      const question = { name, scopes: options.scope, ...(options.ttl === undefined ? {} : { ttl: options.ttl }) };
      const key = await withClient(context, options, (client) => client.createApiKey(question));
      writeResult(context, options.json, key, (paint) => `${paint('bold', printable(key.key ?? ''))}\n\n${fields([
        ['id', key.id],
        ['name', key.name],
        ['scopes', key.scopes.join(', ')],
        ['ends', key.expiresAt === undefined ? 'when it is revoked' : showTimeFrom(context.now(), key.expiresAt)],
      ], paint)}`);
    });
  withExamples(withConnection(command), [
    ['a pipeline that creates enrolment tokens', 'chancery key create pipeline --scope token --ttl 90d'],
    ['a read-only dashboard', 'chancery key create dashboard --scope read'],
    ['use it', 'CHANCERY_API_KEY=CHYKEY-1-... chancery token create --name node1.example.com'],
  ]);
}
