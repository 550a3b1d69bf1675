import { resolve } from 'node:path';
import type { Command } from 'commander';
import { JSON_OPTION, withExamples } from '../arguments.ts';
import type { Context } from '../context.ts';
import { startProgress } from '../progress.ts';
import { writeResult } from '../result.ts';
import { fields, showTime } from '../text.ts';
import { showBytes, showItems } from './words.ts';

interface Options {
  readonly json?: boolean;
}

const ABOUT = `Read a whole backup and check it: every octet by its digests, the chain of the audit log, every certificate and CRL, every count.
This reveals accidents, not forgery: anyone who can write the file can also write another one. So compare the head that is printed
with one noted elsewhere.`;

/** `backup verify FILE`: needs neither a store nor a configuration. */
export function addBackupVerify(parent: Command, context: Context): void {
  const command = parent.command('verify')
    .summary('check a backup')
    .description(ABOUT)
    .argument('<file>', 'the backup')
    .option(...JSON_OPTION)
    .action(async (name: string, own: Options, command: Command) => {
      // `--json` is an option of `backup` too, which consumes it if it comes first.
      const options = { ...command.parent?.opts<Options>(), ...own };
      const file = resolve(name);
      const { verifyBackup } = await import('../../transfer/verify-backup.ts');
      const progress = startProgress(context, 'checking');
      const { head: begun, end, bytes } = await verifyBackup(file, progress.update).finally(progress.end);
      const head = `${end.head.sequence}:${end.head.hash}`;
      const result = { verified: true, file, bytes, program: begun.program, startedAt: new Date(begun.startedAt).toISOString(), finishedAt: new Date(end.finishedAt).toISOString(), head, items: end.items, lines: end.lines };
      writeResult(context, options.json, result, (paint) => `${paint('green', 'The backup is intact.')}\n${fields([
        ['file', `${file} (${showBytes(bytes)})`],
        ['holds', showItems(end.items)],
        ['audit log', `${end.lines} lines`],
        ['head', head],
        ['made', `${showTime(begun.startedAt)} to ${showTime(end.finishedAt)}, by version ${begun.program}`],
      ], paint)}`);
    });
  withExamples(command, [['check the last one', 'chancery backup verify /var/backups/chancery.backup']]);
}
