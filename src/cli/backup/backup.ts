import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../../client/failure.ts';
import { JSON_OPTION, withExamples } from '../arguments.ts';
import type { Context } from '../context.ts';
import { startProgress } from '../progress.ts';
import { writeResult } from '../result.ts';
import { DATA_OPTION, type PlaceOptions, readConfig } from '../settings.ts';
import { fields, showTime } from '../text.ts';
import { addBackupVerify } from './verify.ts';
import { showBytes, showItems } from './words.ts';

interface Options extends PlaceOptions {
  readonly json?: boolean;
}

const ABOUT = `Write the contents of the store to a file: requests, certificates, tokens, API keys, revocations, CRLs, the audit log.
The service may be running: the file contains the store as of one head of its audit log, which is printed.
After an interruption, run the same command again to resume.
The authorities' keys and certificates are files in the data folder, not in the store: back those up separately, once.`;

/** `backup FILE`, and `backup verify FILE`. */
export function addBackup(parent: Command, context: Context): void {
  const command = parent.command('backup')
    .summary('write the whole store to a file')
    .description(ABOUT)
    .argument('<file>', 'the file to write, which must not exist')
    .option('--config <file>', 'the configuration, which names the store (default: <data>/chancery.yaml)')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (name: string, options: Options) => {
      const file = resolve(name);
      if (existsSync(file)) throw new Failure('file', `${file} already exists`, { advice: 'give another name: a backup is never overwritten' });
      const settings = await readConfig(context, options);
      const { backupTo } = await import('../../move.ts');
      const progress = startProgress(context, 'reading the store');
      const made = await backupTo(file, settings, context.now, progress.update).finally(progress.end);
      const head = `${made.head.sequence}:${made.head.hash}`;
      writeResult(context, options.json, { file, bytes: made.bytes, resumed: made.resumed, head, items: made.items, lines: made.lines, finishedAt: new Date(made.finishedAt).toISOString() }, (paint) => fields([
        ['file', `${file} (${showBytes(made.bytes)}${made.resumed ? ', resumed where it was interrupted' : ''})`],
        ['holds', showItems(made.items)],
        ['audit log', `${made.lines} lines`],
        ['head', head],
        ['finished', showTime(made.finishedAt)],
      ], paint));
    });
  addBackupVerify(command, context);
  withExamples(command, [
    ['every night', 'chancery backup /var/backups/chancery-$(date +%F).backup'],
    ['check it', 'chancery backup verify /var/backups/chancery-2026-08-01.backup'],
    ['restore it, with the service stopped', 'chancery restore /var/backups/chancery-2026-08-01.backup'],
  ]);
}
