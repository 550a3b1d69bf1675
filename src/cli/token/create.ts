import type { Command } from 'commander';
import { durationArgument, integerArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { given } from '../given.ts';
import { writeResult } from '../result.ts';
import { fields, printable, showTimeFrom } from '../text.ts';

interface Options extends ConnectionOptions {
  readonly name: readonly string[];
  readonly profile: readonly string[];
  readonly uses?: number;
  readonly ttl?: string;
  readonly maxValidity?: string;
  readonly note?: string;
}

/** `token create`: creates an enrolment token, and shows its text this once. */
export function addTokenCreate(parent: Command, context: Context): void {
  const command = parent.command('create')
    .summary('create an enrolment token')
    .description('Create an enrolment token: its holder may request certificates of a profile, for the names it allows.\nThe token is shown once; only its hash is stored.')
    .requiredOption('--name <pattern...>', 'a name its certificates may have: node1.example.com, *.example.com (one label), 10.0.0.0/8')
    .option('--profile <profile...>', 'the profile of its certificates; if several, its holder names one with each request', ['server'])
    .option('--uses <n>', 'how many certificates it may yield (default: one for each profile)', integerArgument(1, 1_000_000))
    .option('--ttl <duration>', 'how long it can be used (default: 24h)', durationArgument)
    .option('--max-validity <duration>', 'the longest lifetime of its certificates (default: the profile\'s)', durationArgument)
    .option('--note <text>', 'what it is for')
    .action(async (options: Options) => {
      const { name, profile, uses, ttl, maxValidity, note } = options;
      const [first = '', ...others] = profile;
      const question = { profile: others.length === 0 ? first : profile, names: name, ...given({ uses, ttl, maxValidity, note }) };
      const token = await withClient(context, options, (client) => client.createToken(question));
      writeResult(context, options.json, token, (paint) => `${paint('bold', printable(token.token ?? ''))}\n\n${fields([
        ['id', token.id],
        [token.profiles.length === 1 ? 'profile' : 'profiles', token.profiles.join(', ')],
        ['names', token.names.join(', ')],
        ['uses', String(token.uses)],
        ['ends', showTimeFrom(context.now(), token.expiresAt)],
        ['note', token.note],
      ], paint)}`);
    });
  withExamples(withConnection(command), [
    ['one node, one certificate, usable for a day', 'chancery token create --name node1.example.com'],
    ['fifty workers of a cluster, within an hour', 'chancery token create --profile node --name "*.swarm.example.com" --uses 50 --ttl 1h'],
    ['a Docker Engine: a certificate for the daemon and one for its clients', 'chancery token create --profile server client --name docker1.example.com 10.0.0.7'],
    ['just the token, for a script', 'chancery token create --name node1.example.com --json | jq -r .token'],
  ]);
}
