import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { readEnrolled } from '../agent/enrolled.ts';
import { parseServiceUrl } from '../client/address.ts';
import { Failure } from '../client/failure.ts';
import { parseDuration } from '../config/duration.ts';
import type { WatchSettings } from '../docker/crl/news.ts';
import { PLUGIN_FOLDER } from '../docker/plugin-socket.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { pemOrDerOrBase64 } from '../x509/pem.ts';
import { JSON_OPTION, durationArgument, withExamples } from './arguments.ts';
import type { Context } from './context.ts';
import { teller } from './teller.ts';
import { untilStopped } from './until-stopped.ts';

interface Options {
  readonly enrolled?: string;
  readonly url?: string;
  readonly ca?: string;
  readonly authority: readonly string[];
  readonly from: readonly string[];
  readonly issuer: readonly string[];
  readonly state: string;
  readonly socket: string;
  readonly spec?: string;
  readonly rules?: string;
  readonly checkRules?: boolean;
  readonly stale: 'deny' | 'allow';
  readonly mostSilence?: string;
  readonly local: 'allow' | 'deny';
  readonly poll: string;
  readonly events: boolean;
  readonly json?: boolean;
}

const ABOUT = `An authorization plugin for Docker Engine, which itself checks no CRL: refuses clients whose certificate has expired, whose certificate
or authority is revoked, or whose authority is unknown. With --rules it also controls who may make which calls.
CRLs are fetched periodically and at each event from the service; a revocation announced by an event counts at once. The last good CRLs
are kept on disk. If a CRL is missing, or has expired (--stale), everybody is refused. Runs until stopped; SIGHUP rereads the rules.
Start the Engine with --authorization-plugin=chancery; it refuses everything while the plugin is not running.`;

const DEFAULT_SOCKET = join(PLUGIN_FOLDER, 'chancery.sock');
const SECOND = 1000;
const several = (text: string, all: readonly string[]): string[] => [...all, text];

/** `docker-authz`: the authorization plugin of a Docker Engine. */
export function addDockerAuthz(parent: Command, context: Context): void {
  const command = parent.command('docker-authz')
    .summary('let Docker Engine refuse revoked clients')
    .description(ABOUT)
    .option('--enrolled <folder>', 'the folder \'chancery enroll\' wrote, which names the service and its root')
    .option('--url <address>', 'the service (default: CHANCERY_URL)')
    .option('--ca <file>', 'the root certificate to trust the service by')
    .option('--authority <name>', 'whose CRL; may be repeated (default: all that publish one)', several, [])
    .option('--from <address>', 'fetch a CRL from this http(s) address, in addition to or instead of the service\'s; may be repeated, each with an --issuer', several, [])
    .option('--issuer <file>', 'with --from: the certificate that must have signed the CRL', several, [])
    .option('--state <folder>', 'where to keep the last good CRLs', '/var/lib/chancery-docker-authz')
    .option('--socket <path>', 'the socket; its name is the plugin\'s', DEFAULT_SOCKET)
    .option('--spec <file>', `write this file, by which Docker finds a socket outside ${PLUGIN_FOLDER}: /etc/docker/plugins/<name>.spec`)
    .option('--rules <file>', 'a YAML file that says which clients may make which calls')
    .option('--check-rules', 'only check the rules, and report every fault')
    .addOption(new Option('--stale <mode>', 'when a CRL has expired: deny everybody, or allow clients it does not list').choices(['deny', 'allow']).default('deny'))
    .option('--most-silence <span>', 'a CRL also counts as expired after this long without contact, such as 15m', durationArgument)
    .addOption(new Option('--local <mode>', 'clients without a certificate, that is on the unix socket').choices(['allow', 'deny']).default('allow'))
    .option('--poll <span>', 'how often to poll when there are no events', durationArgument, '30s')
    .option('--no-events', 'only poll')
    .option(...JSON_OPTION)
    .action((options: Options) => dockerAuthz(context, options));
  withExamples(command, [
    ['on a machine enrolled with layout docker', 'chancery docker-authz --enrolled /etc/docker/tls'],
    ['with rules', 'chancery docker-authz --url https://ca.example.com:8443 --ca /etc/docker/tls/ca.pem --rules /etc/docker/rules.yaml'],
    ['check the rules', 'chancery docker-authz --rules /etc/docker/rules.yaml --check-rules'],
  ]);
}

async function dockerAuthz(context: Context, options: Options): Promise<void> {
  if (options.checkRules === true) return checkRules(context, options);
  const watch = watchSettings(context, options);
  const socket = resolve(options.socket);
  const { spec, rules, mostSilence } = options;
  const tell = teller(context, options.json === true);
  if (dirname(socket) !== PLUGIN_FOLDER && spec === undefined) {
    tell('warn', 'socket', `Docker finds sockets in ${PLUGIN_FOLDER} by itself; for this one it needs --spec /etc/docker/plugins/${basename(socket, extname(socket))}.spec`);
  }
  // Loaded here, so that only this command waits for the server and YAML.
  const { servePlugin } = await import('../docker/serve-plugin.ts');
  let reload = (): void => {};
  const onHangUp = (): void => reload();
  process.on('SIGHUP', onHangUp);
  try {
    await untilStopped((signal) => servePlugin({
      socket,
      spec: spec === undefined ? undefined : resolve(spec),
      rules: rules === undefined ? undefined : resolve(rules),
      stale: options.stale,
      mostSilence: mostSilence === undefined ? undefined : milliseconds(mostSilence),
      local: options.local,
      watch,
    }, { now: context.now, tell, onReload: (next) => { reload = next; } }, signal));
  } finally {
    process.removeListener('SIGHUP', onHangUp);
  }
}

async function checkRules(context: Context, { rules }: Options): Promise<void> {
  if (rules === undefined) throw new Failure('usage', '--check-rules goes with --rules');
  const { loadRules } = await import('../docker/rules/load-rules.ts');
  loadRules(resolve(rules));
  context.stdout.write(`${rules} is valid\n`);
}

function watchSettings(context: Context, options: Options): WatchSettings {
  const { authority, from, issuer, enrolled, poll, events } = options;
  if (from.length !== issuer.length) throw new Failure('usage', `--from is given ${from.length} times and --issuer ${issuer.length} times`, { advice: 'give an --issuer for each --from' });
  const wrong = from.find((address) => !URL.canParse(address) || !/^https?:/.test(address));
  if (wrong !== undefined) throw new Failure('usage', `'${wrong}' is not an http address`, { advice: 'expected for example http://ca.example.com/crl/issuing.crl' });
  const sources = from.map((address, index) => {
    const { pathname } = new URL(address);
    const der = pemOrDerOrBase64(readFileSync(issuer[index] ?? ''), 'CERTIFICATE');
    return { authority: basename(pathname, extname(pathname)), address, issuer: Uint8Array.from(parseCertificate(der).der) };
  });
  const known = enrolled === undefined ? undefined : enrolledAt(resolve(enrolled));
  const url = options.url ?? (known?.url || context.env['CHANCERY_URL'] || undefined);
  const ca = options.ca ?? known?.ca;
  if (url === undefined && sources.length === 0) throw new Failure('usage', 'there is no CRL to check against', { advice: 'give --enrolled FOLDER, or --url and --ca, or --from and --issuer' });
  if (url !== undefined && ca === undefined) throw new Failure('usage', 'the root certificate of the service is missing', { advice: 'give it with --ca FILE' });
  return {
    service: url === undefined ? undefined : parseServiceUrl(url).href,
    roots: ca === undefined ? undefined : readFileSync(ca, 'latin1'),
    authorities: authority, sources, state: resolve(options.state), poll: milliseconds(poll), events,
  };
}

function enrolledAt(folder: string): { readonly url: string; readonly ca: string } {
  const [first] = readEnrolled(folder);
  if (first === undefined || !existsSync(join(folder, first.ca))) {
    throw new Failure('file', `nothing was enrolled in ${folder}`, { advice: 'give the folder of \'chancery enroll\' with --enrolled, or --url and --ca' });
  }
  return { url: first.url, ca: join(folder, first.ca) };
}

const milliseconds = (text: string): number => (parseDuration(text) ?? 0) * SECOND;
