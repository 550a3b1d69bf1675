import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Entry } from '../agent/daemon/entry.ts';
import { type Renewal, commandDone, commandOwed, renew } from '../agent/renew.ts';
import { runCommand } from '../agent/run-command.ts';
import { UNIT_KINDS, type UnitKind } from '../agent/systemd.ts';
import { parseServiceUrl } from '../client/address.ts';
import { Failure } from '../client/failure.ts';
import { JSON_OPTION, integerArgument, withExamples } from './arguments.ts';
import { readCertificatesFile } from './certificates-file.ts';
import type { Context } from './context.ts';
import { installUnits } from './install-units.ts';
import { startProgress, telling } from './progress.ts';
import { renewDaemon } from './renew-daemon.ts';
import { renewList } from './renew-list.ts';
import { writeResult } from './result.ts';
import { printable, showTimeFrom } from './text.ts';

interface Options {
  readonly out: string;
  readonly file?: string;
  readonly url?: string;
  readonly force?: boolean;
  readonly reuseKey?: boolean;
  readonly wait: number;
  readonly exec?: string;
  readonly execLimit: number;
  readonly daemon?: boolean;
  readonly metricsFile?: string;
  readonly install?: UnitKind;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const ABOUT = `Renew what 'chancery enroll' wrote, once two thirds of its lifetime have passed, or sooner if the service asks for it; before that, say
when it is due. The certificate itself authenticates the request: no token is needed. Each file is replaced atomically, keeping mode and owner.

Without --daemon it checks once: run it from cron or a timer, hourly or daily. With --daemon it keeps running, renews each certificate at
its own moment before two thirds of its lifetime, retries while the service is unavailable, and rereads the list given by --file on SIGHUP.`;

const FILE_HELP = `
The list for --file (YAML or JSON; paths are relative to it):
  url: https://ca.example.com:8443
  certificates:
    - folder: /etc/nginx/tls
      exec: systemctl reload nginx
    - folder: /etc/postgresql/tls
      profile: server
      names: [db1.example.com]               # with tokenFile: enrolled if it does not exist yet
      tokenFile: /run/secrets/chancery-token
      exec: systemctl reload postgresql
  Also: url, layout, keyType, validity, reuseKey.
`;

/** `renew`: a node's next certificate. */
export function addRenew(parent: Command, context: Context): void {
  const command = parent.command('renew')
    .summary('renew what enroll wrote, once or continuously')
    .description(ABOUT)
    .option('--out <folder>', 'where \'chancery enroll\' wrote', '.')
    .option('--file <file>', 'a list of several folders, instead of --out')
    .option('--url <address>', 'the service, if it moved (default: the address used to enroll)')
    .option('--force', 'renew even if it is not due')
    .option('--reuse-key', 'keep the key instead of generating a new one')
    .option('--wait <seconds>', 'how long to wait for an operator\'s approval', integerArgument(0, 604_800), 300)
    .option('--exec <command>', 'a shell command to run after a renewal; if it fails, it is run again')
    .option('--exec-limit <seconds>', 'how long that command may run', integerArgument(1, 3600), 120)
    .option('--daemon', 'keep running, and keep the certificates renewed')
    .option('--metrics-file <file>', 'with --daemon: metrics for Prometheus\' node exporter (textfile)')
    .addOption(new Option('--install [kind]', 'write a systemd unit that does this: a daemon, or a timer').choices(UNIT_KINDS).preset('daemon'))
    .option('--dry-run', 'with --install: print the unit')
    .option(...JSON_OPTION)
    .action((options: Options, self: Command) => act(context, options, self));
  withExamples(command, [
    ['continuously, as a systemd unit', 'chancery renew --install --out /etc/tls --exec "systemctl reload nginx"'],
    ['continuously, in a container', 'chancery renew --daemon --json --file /etc/chancery/certificates.yaml'],
    ['from cron', '17 * * * *  root  chancery renew --out /etc/tls --exec "systemctl reload nginx"'],
    ['now, even if it is not due', 'chancery renew --out /etc/tls --force'],
  ]).addHelpText('after', FILE_HELP);
}

async function act(context: Context, options: Options, command: Command): Promise<void> {
  checkUsage(options, command);
  const { file, install, metricsFile, json } = options;
  if (install !== undefined) {
    const folders = entriesOf(options).map(({ folder }) => folder);
    return installUnits(context, { kind: install, dryRun: options.dryRun === true, about: resolve(file ?? options.out), folders, metricsFile, args: argumentsOf(options) });
  }
  if (options.daemon === true) return renewDaemon(context, { entries: () => entriesOf(options), metricsFile, execLimit: options.execLimit, json: json === true });
  if (file !== undefined) return renewList(context, entriesOf(options), { execLimit: options.execLimit, json: json === true });
  const folder = resolve(options.out);
  const renewals = await renewWithProgress(context, folder, options);
  writeResult(context, json, { certificates: renewals.map(resultOf) }, () => renewals.map((renewal) => tell(renewal, context.now())).join(''));
  if (options.exec === undefined || !commandOwed(folder)) return;
  await runCommand(options.exec, { RENEWED_FOLDER: folder }, { quiet: json === true, advice: 'the certificate is renewed; the next renew runs the command again', limit: options.execLimit * 1000 });
  commandDone(folder);
}

/** The entries of --file, or the single folder of the command line. */
function entriesOf({ out, file, url, exec, reuseKey }: Options): readonly Entry[] {
  if (file !== undefined) return readCertificatesFile(file);
  return [{ folder: resolve(out), url: url === undefined ? undefined : parseServiceUrl(url), profile: undefined, exec, reuseKey: reuseKey === true, enrolling: undefined }];
}

/** Options that contradict the list, or make no sense together. */
const CLASHES: readonly (readonly [option: keyof Options, others: readonly (keyof Options)[], why: string])[] = [
  ['file', ['out', 'url', 'exec', 'reuseKey', 'force', 'wait'], 'the list says that for each certificate'],
  ['daemon', ['force', 'wait', 'install'], 'a daemon follows its own schedule'],
  ['install', ['force', 'wait'], 'a unit follows its own schedule'],
];

function checkUsage(options: Options, command: Command): void {
  const isGiven = (option: keyof Options): boolean => options[option] !== undefined && command.getOptionValueSource(option) !== 'default';
  const flag = (option: keyof Options): string => command.options.find((one) => one.attributeName() === option)?.long ?? option;
  for (const [option, others, why] of CLASHES) {
    const other = isGiven(option) ? others.find(isGiven) : undefined;
    if (other !== undefined) throw new Failure('usage', `${flag(option)} and ${flag(other)} are both given`, { advice: why });
  }
  if (isGiven('dryRun') && !isGiven('install')) throw new Failure('usage', '--dry-run is given alone', { advice: 'it is for --install' });
  if (isGiven('metricsFile') && !isGiven('daemon') && options.install !== 'daemon') {
    throw new Failure('usage', '--metrics-file is given without --daemon', { advice: 'only a process that keeps running has something to show' });
  }
}

/** The same options for a unit, which runs in another folder: paths are made absolute. */
const argumentsOf = ({ out, file, url, exec, execLimit, reuseKey, metricsFile, json }: Options): readonly string[] => [
  ...(file === undefined ? ['--out', resolve(out)] : ['--file', resolve(file)]),
  ...(url === undefined ? [] : ['--url', url]), ...(exec === undefined ? [] : ['--exec', exec]), ...(reuseKey === true ? ['--reuse-key'] : []),
  '--exec-limit', String(execLimit), ...(metricsFile === undefined ? [] : ['--metrics-file', resolve(metricsFile)]), ...(json === true ? ['--json'] : []),
];

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
  ? `${printable(certificate)} is renewed; it expires ${showTimeFrom(now, notAfter)}\n`
  : `${printable(certificate)} is not due; it will be ${showTimeFrom(now, due)}, and expires ${showTimeFrom(now, notAfter)}\n`);

const resultOf = ({ notAfter, due, ...renewal }: Renewal) =>
  ({ ...renewal, notAfter: new Date(notAfter).toISOString(), due: new Date(due).toISOString() });
