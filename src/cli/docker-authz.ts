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

const ABOUT = `An authorization plugin for Docker Engine: refuses clients whose certificate, or its authority, is revoked, has ended, or
is of an authority that is not known; Docker itself looks at no CRL. With --rules it also says who may make which calls.
CRLs are polled, and looked for at each event of the service; a revocation that an event tells counts at once. The last good ones are
kept on disk. A CRL that is missing refuses everybody, one that has ended too (--stale). Runs until it is stopped; SIGHUP reads
the rules anew. The Engine is started with --authorization-plugin=chancery, and refuses everything while the plugin is away.`;

const DEFAULT_SOCKET = join(PLUGIN_FOLDER, 'chancery.sock');
const SECOND = 1000;
const several = (text: string, all: readonly string[]): string[] => [...all, text];

/** `docker-authz`: the authorization plugin of a Docker Engine. */
export function addDockerAuthz(parent: Command, context: Context): void {
  const command = parent.command('docker-authz')
    .summary('let Docker Engine refuse revoked clients')
    .description(ABOUT)
    .option('--enrolled <folder>', 'where \'chancery enroll\' wrote: the service and its root are known from there')
    .option('--url <address>', 'the service (CHANCERY_URL)')
    .option('--ca <file>', 'the root certificate that the service is trusted by')
    .option('--authority <name>', 'whose CRL; may be repeated (all that publish one)', several, [])
    .option('--from <address>', 'a CRL that is fetched from this http(s) address, beside or in place of a service\'s; may be repeated, each with an --issuer', several, [])
    .option('--issuer <file>', 'with --from: the certificate whose signature the CRL must have', several, [])
    .option('--state <folder>', 'where the last good CRLs are kept', '/var/lib/chancery-docker-authz')
    .option('--socket <path>', 'the socket; its name is the plugin\'s', DEFAULT_SOCKET)
    .option('--spec <file>', `write this file, for Docker to find a socket outside of ${PLUGIN_FOLDER}: /etc/docker/plugins/<name>.spec`)
    .option('--rules <file>', 'YAML: which clients may make which calls')
    .option('--check-rules', 'only read the rules, and tell every fault')
    .addOption(new Option('--stale <mode>', 'where a CRL has ended: deny everybody, or allow whom it does not list').choices(['deny', 'allow']).default('deny'))
    .option('--most-silence <span>', 'a CRL counts as ended also when none could be looked for during this time, such as 15m', durationArgument)
    .addOption(new Option('--local <mode>', 'clients without a certificate: those of the unix socket').choices(['allow', 'deny']).default('allow'))
    .option('--poll <span>', 'how often to look where no event calls', durationArgument, '30s')
    .option('--no-events', 'only look now and then')
    .option(...JSON_OPTION)
    .action((options: Options) => dockerAuthz(context, options));
  withExamples(command, [
    ['on a machine that was enrolled with layout docker', 'chancery docker-authz --enrolled /etc/docker/tls'],
    ['with rules', 'chancery docker-authz --url https://ca.example.com:8443 --ca /etc/docker/tls/ca.pem --rules /etc/docker/rules.yaml'],
    ['are the rules good?', 'chancery docker-authz --rules /etc/docker/rules.yaml --check-rules'],
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
  // Only who serves waits for the server and YAML.
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
  context.stdout.write(`${rules} is good\n`);
}

function watchSettings(context: Context, options: Options): WatchSettings {
  const { authority, from, issuer, enrolled, poll, events } = options;
  if (from.length !== issuer.length) throw new Failure('usage', `--from is given ${from.length} times and --issuer ${issuer.length} times`, { advice: 'give an --issuer for each --from' });
  const wrong = from.find((address) => !URL.canParse(address) || !/^https?:/.test(address));
  if (wrong !== undefined) throw new Failure('usage', `'${wrong}' is no http address`, { advice: 'expected for example http://ca.example.com/crl/issuing.crl' });
  const sources = from.map((address, index) => {
    const { pathname } = new URL(address);
    const der = pemOrDerOrBase64(readFileSync(issuer[index] ?? ''), 'CERTIFICATE');
    return { authority: basename(pathname, extname(pathname)), address, issuer: Uint8Array.from(parseCertificate(der).der) };
  });
  const known = enrolled === undefined ? undefined : enrolledAt(resolve(enrolled));
  const url = options.url ?? (known?.url || context.env['CHANCERY_URL'] || undefined);
  const ca = options.ca ?? known?.ca;
  if (url === undefined && sources.length === 0) throw new Failure('usage', 'there is no CRL to go by', { advice: 'give --enrolled FOLDER, or --url and --ca, or --from and --issuer' });
  if (url !== undefined && ca === undefined) throw new Failure('usage', 'the root certificate that the service is trusted by is missing', { advice: 'give it with --ca FILE' });
  return {
    service: url === undefined ? undefined : parseServiceUrl(url).href,
    roots: ca === undefined ? undefined : readFileSync(ca, 'latin1'),
    authorities: authority, sources, state: resolve(options.state), poll: milliseconds(poll), events,
  };
}

function enrolledAt(folder: string): { readonly url: string; readonly ca: string } {
  const [first] = readEnrolled(folder);
  if (first === undefined || !existsSync(join(folder, first.ca))) {
    throw new Failure('file', `nothing was enrolled into ${folder}`, { advice: 'give the folder of \'chancery enroll\' with --enrolled, or --url and --ca' });
  }
  return { url: first.url, ca: join(folder, first.ca) };
}

const milliseconds = (text: string): number => (parseDuration(text) ?? 0) * SECOND;
