import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../client/failure.ts';
import { readStoreAddress } from '../config/store-address.ts';
import type { Config } from '../config/config.ts';
import { JSON_OPTION, withExamples } from './arguments.ts';
import type { Context } from './context.ts';
import { startProgress } from './progress.ts';
import { writeResult } from './result.ts';
import { DATA_OPTION, type PlaceOptions, readConfig } from './settings.ts';
import { fields } from './text.ts';

interface Options extends PlaceOptions {
  readonly from?: string;
  readonly more?: true;
  readonly json?: boolean;
}

const ABOUT = `Load a backup, or the contents of another store, into the store named by the configuration. No service may be running on it.
Existing contents only move forward: no revocation, use of a token or decision is undone. CRL numbers continue beyond any
that can have been published since the backup was made. The audit log continues where the backup's ends; a store with
a different log is refused. After an interruption, run the same command again to resume.`;

/** `restore FILE`, or `restore --from STORE`. */
export function addRestore(parent: Command, context: Context): void {
  const command = parent.command('restore')
    .summary('load a backup, or another store, into the store')
    .description(ABOUT)
    .argument('[file]', 'the backup; it is checked first')
    .option('--from <store>', 'another store, instead of a file: embedded:/var/lib/chancery/store, redis://…')
    .option('--more', 'this is not the last run: a later backup of the same store will follow')
    .option('--config <file>', 'the configuration, which names the store (default: <data>/chancery.yaml)')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (file: string | undefined, options: Options) => {
      const settings = await readConfig(context, options);
      const from = fromWhere(file, options.from, settings);
      const { restoreFrom } = await import('../move.ts');
      const progress = startProgress(context, 'restoring');
      const { added, advanced, kept, lines, head, older, resumed } = await restoreFrom({ from, more: options.more === true }, settings, context.now, progress.update).finally(progress.end);
      writeResult(context, options.json, { added, advanced, kept, lines, head: `${head.sequence}:${head.hash}`, older, resumed }, (paint) => `${fields([
        ['added', `${added}`],
        ['advanced', `${advanced}`],
        ['kept', `${kept}, which were already here, in the same state or a later one`],
        ['audit log', `${lines} lines`],
        ['head', `${head.sequence}:${head.hash}`],
      ], paint)}${older ? '\nThe store already had all of it.\n' : options.more === true ? '\nRestore the last backup without --more before a service starts.\n' : ''}`);
    });
  withExamples(command, [
    ['a lost store, from last night\'s backup', 'chancery restore /var/backups/chancery-2026-08-01.backup'],
    ['move to Redis: once while the service still runs on the old store, again after stopping it',
      'CHANCERY_STORE__URL=redis://… chancery restore --from embedded:/var/lib/chancery/store --more\n  CHANCERY_STORE__URL=redis://… chancery restore --from embedded:/var/lib/chancery/store'],
  ]);
}

function fromWhere(file: string | undefined, from: string | undefined, { store: { url: here } }: Config): { readonly file: string } | { readonly store: Config['store']['url'] } {
  if ((file === undefined) === (from === undefined)) {
    throw new Failure('usage', file === undefined ? 'a file or --from is missing' : 'a file and --from are both given', { advice: 'expected either a backup or --from with the address of a store' });
  }
  if (file !== undefined) return { file: resolve(file) };
  const read = readStoreAddress(from ?? '');
  if ('faults' in read) throw new Failure('usage', `--from ${read.faults.join(', and ')}`, { advice: 'expected embedded:<folder> or redis://<host>:<port>, as in the configuration' });
  const store = read.location.kind === 'embedded' ? { ...read.location, folder: resolve(read.location.folder) } : read.location;
  if (JSON.stringify(store) === JSON.stringify(here)) throw new Failure('usage', '--from names the store that the configuration names', { advice: 'set store.url to the new one' });
  return { store };
}
