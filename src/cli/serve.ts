import type { Command } from 'commander';
import { JSON_OPTION, integerArgument, withExamples } from './arguments.ts';
import type { Context } from './context.ts';
import { AlreadyTold } from './report-failure.ts';
import { DATA_OPTION, type PlaceOptions, readConfig } from './settings.ts';

interface Options extends PlaceOptions {
  readonly json?: boolean;
}

const ABOUT = `Run the service until SIGTERM or SIGINT; accepted requests are finished first.
Without a configuration or authorities, it creates a development authority in ./chancery-data and says so.
Once it is serving, it writes one line, ready, with its addresses, to standard output.`;

/** `serve`: runs the service. */
export function addServe(parent: Command, context: Context): void {
  const command = parent.command('serve')
    .summary('run the service')
    .description(ABOUT)
    .option('--config <file>', 'the configuration (default: <data>/chancery.yaml)')
    .option('--workers <n>', 'number of processes that share the listeners (default: 1)', integerArgument(1, 64))
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (options: Options) => {
      const { serve } = await import('../serve.ts');
      const status = await serve(await readConfig(context, options), { stdout: context.stdout, stderr: context.stderr, json: options.json === true });
      if (status !== 0) throw new AlreadyTold();
    });
  withExamples(command, [
    ['a development authority, right away', 'chancery serve'],
    ['in production', 'chancery serve --config /etc/chancery/chancery.yaml --workers 4'],
    ['on free ports, elsewhere', 'CHANCERY_LISTEN__HTTPS=127.0.0.1:0 CHANCERY_LISTEN__HTTP=off chancery serve --data /tmp/ca'],
  ]);
}
