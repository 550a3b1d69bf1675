import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Renewal, commandDone, commandOwed, renew } from '../agent/renew.ts';
import { runCommand } from '../agent/run-command.ts';
import { parseServiceUrl } from '../client/address.ts';
import { JSON_OPTION, integerArgument, withExamples } from './arguments.ts';
import type { Context } from './context.ts';
import { startProgress, telling } from './progress.ts';
import { writeResult } from './result.ts';
import { printable, showTimeFrom } from './text.ts';

interface Options {
  readonly out: string;
  readonly url?: string;
  readonly force?: boolean;
  readonly reuseKey?: boolean;
  readonly wait: number;
  readonly exec?: string;
  readonly json?: boolean;
}

const ABOUT = `Renew what 'chancery enroll' wrote, once two thirds of its life are over; before that, say when that is.
The certificate itself proves who asks: no token is needed. The files are replaced one at a time, whole, with mode and owner kept.
Meant for cron or a timer, daily or more often.`;

/** `renew`: the next certificate of a node. */
export function addRenew(parent: Command, context: Context): void {
  const command = parent.command('renew')
    .summary('renew what enroll wrote')
    .description(ABOUT)
    .option('--out <folder>', 'where \'chancery enroll\' wrote', '.')
    .option('--url <address>', 'the service, where it moved (the address that was enrolled with)')
    .option('--force', 'renew although it is not due')
    .option('--reuse-key', 'keep the key, in place of a new one')
    .option('--wait <seconds>', 'how long to wait for an operator\'s approval', integerArgument(0, 604_800), 300)
    .option('--exec <command>', 'run this in the shell after a renewal; where it fails, the next renew runs it again')
    .option(...JSON_OPTION)
    .action(async (options: Options) => {
      const folder = resolve(options.out);
      const renewals = await renewWithProgress(context, folder, options);
      writeResult(context, options.json, { certificates: renewals.map(resultOf) }, () => renewals.map((renewal) => tell(renewal, context.now())).join(''));
      if (options.exec === undefined || !commandOwed(folder)) return;
      await runCommand(options.exec, { RENEWED_FOLDER: folder }, { quiet: options.json === true, advice: 'the certificate is renewed; the next renew runs the command again' });
      commandDone(folder);
    });
  withExamples(command, [
    ['from cron', '17 * * * *  root  chancery renew --out /etc/tls --exec "systemctl reload nginx"'],
    ['now, whatever the date', 'chancery renew --out /etc/tls --force'],
  ]);
}

async function renewWithProgress(context: Context, folder: string, options: Options): Promise<readonly Renewal[]> {
  const progress = startProgress(context, 'renewing');
  const { url } = options;
  try {
    return await renew({
      folder,
      url: url === undefined ? undefined : parseServiceUrl(url),
      force: options.force === true,
      reuseKey: options.reuseKey === true,
      wait: options.wait,
      commandFollows: options.exec !== undefined,
    }, { now: context.now, onProgress: telling(context, progress.update) });
  } finally {
    progress.end();
  }
}

const tell = ({ certificate, renewed, notAfter, due }: Renewal, now: number): string => (renewed
  ? `${printable(certificate)} is renewed; it ends ${showTimeFrom(now, notAfter)}\n`
  : `${printable(certificate)} is not due; it will be ${showTimeFrom(now, due)}, and ends ${showTimeFrom(now, notAfter)}\n`);

const resultOf = ({ notAfter, due, ...renewal }: Renewal) =>
  ({ ...renewal, notAfter: new Date(notAfter).toISOString(), due: new Date(due).toISOString() });
