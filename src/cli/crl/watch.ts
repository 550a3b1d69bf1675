import { mkdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { extname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { alarm, pauseUnless } from '../../agent/crl/alarm.ts';
import { hearEvents } from '../../agent/crl/hear-events.ts';
import { owedCommand } from '../../agent/crl/owed-command.ts';
import { type FindSources, serviceSources } from '../../agent/crl/source.ts';
import { type CrlFormat, type CrlTarget, fileTarget, hashDirectoryTarget } from '../../agent/crl/targets.ts';
import { crlWatch } from '../../agent/crl/watch.ts';
import { runCommand } from '../../agent/run-command.ts';
import type { Tell } from '../../agent/tell.ts';
import { openClient } from '../../client/chancery-client.ts';
import { Failure } from '../../client/failure.ts';
import { parseDuration } from '../../config/duration.ts';
import { type Certificate, parseCertificate } from '../../x509/certificate.ts';
import { X509Error } from '../../x509/errors.ts';
import { pemOrDerOrBase64 } from '../../x509/pem.ts';
import { JSON_OPTION, durationArgument, integerArgument, withExamples } from '../arguments.ts';
import { trustedRoots } from '../connection.ts';
import type { Context } from '../context.ts';
import { AlreadyTold, toFailure } from '../report-failure.ts';
import { DATA_OPTION, type PlaceOptions, serviceUrl } from '../settings.ts';
import { teller } from '../teller.ts';
import { untilStopped } from '../until-stopped.ts';

interface Options extends PlaceOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly authority: readonly string[];
  readonly from?: string;
  readonly issuer?: string;
  readonly out?: string;
  readonly format?: CrlFormat;
  readonly hashDir?: string;
  readonly exec?: string;
  readonly execLimit: number;
  readonly poll: string;
  readonly spread: string;
  readonly events: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
}

const ABOUT = `Keep CRLs in a local file or an OpenSSL directory fresh, for nginx, HAProxy and others that read them from there.
It learns of new CRLs from the service's events, and also polls with conditional requests. A CRL replaces the present one only if its
signature is good and its number is higher; the file is complete at every moment, and stays if nothing can be fetched.
Runs until stopped. With --once, the exit status is 1 if anything failed, or a CRL has expired.`;

const SECOND = 1000;
const DEBOUNCE = 500;
const MOST_PAUSE = 60 * SECOND;

/** `crl watch`: keeps local CRLs up to date. */
export function addCrlWatch(parent: Command, context: Context): void {
  const command = parent.command('watch')
    .summary('keep a local CRL file fresh')
    .description(ABOUT)
    .option('--out <file>', 'the file to write: PEM if it ends in .pem, otherwise DER')
    .option('--hash-dir <folder>', 'an OpenSSL directory instead of a file: <hash>.r0, as \'openssl rehash\' names them')
    .addOption(new Option('--format <format>', 'the format of the file').choices(['pem', 'der']))
    .option('--authority <name>', 'whose CRL; may be repeated (default: all that publish one; for a DER file, which holds one: issuing, also after it was rolled)', (name: string, all: readonly string[]) => [...all, name], [])
    .option('--url <address>', 'the service (default: CHANCERY_URL, or the https listener in <data>/chancery.yaml)')
    .option('--ca <file>', 'the root certificate to trust the service by (default: <data>/root.pem)')
    .option('--from <address>', 'fetch one CRL from this http(s) address, instead of a service; needs --issuer')
    .option('--issuer <file>', 'with --from: the certificate that must have signed the CRL')
    .option('--exec <command>', 'a shell command to run after a change; if it fails, it is run again')
    .option('--exec-limit <seconds>', 'how long that command may run', integerArgument(1, 3600), 60)
    .option('--poll <span>', 'how often to poll when there are no events', durationArgument, '60s')
    .option('--spread <span>', 'wait up to this long, at random, after an event: if many machines watch', durationArgument, '0s')
    .option('--no-events', 'only poll')
    .option('--once', 'check once and exit')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action((options: Options) => watch(context, options));
  withExamples(command, [
    ['for nginx (ssl_crl) or HAProxy (crl-file)', 'chancery crl watch --url https://ca.example.com:8443 --ca root.pem --out /etc/nginx/crl.pem --exec \'nginx -s reload\''],
    ['for openssl verify -crl_check -CApath', 'chancery crl watch --url https://ca.example.com:8443 --ca root.pem --hash-dir /etc/ssl/example'],
    ['from a mirror, from cron', 'chancery crl watch --once --from http://cdn.example.com/crl/issuing.crl --issuer issuing.pem --out /etc/tls/issuing.crl'],
  ]);
}

async function watch(context: Context, options: Options): Promise<void> {
  checkUsage(options);
  const target = targetOf(options);
  const tell = teller(context, options.json === true);
  const { exec } = options;
  const quiet = options.json === true;
  const command = exec === undefined ? undefined : owedCommand({
    marker: target.marker, debounce: DEBOUNCE,
    command: async () => {
      await runCommand(exec, { CRL_TARGET: target.name }, { quiet, advice: 'the CRL is in place; it will be run again', limit: options.execLimit * SECOND });
      tell('info', 'command', `'${exec}' succeeded`);
    },
    failed: (error) => {
      const failure = toFailure(error);
      tell('error', 'command-failed', `${failure.message}; ${failure.advice ?? ''}`);
    },
  });
  const agent = new Agent({ keepAlive: true, ...(options.from === undefined ? { ca: trustedRoots(context, options) } : {}) });
  const { find, service, close } = await sourcesOf(context, options, agent, tellLeftOut(target.name, tell));
  const surroundings = { now: context.now, random: Math.random, tell };
  const look = crlWatch({ find, target, command, poll: milliseconds(options.poll) }, surroundings);
  try {
    if (options.once === true) {
      const good = await look.look();
      await command?.run();
      if (!good) throw new AlreadyTold();
      return;
    }
    await untilStopped(async (signal) => {
      const pause = pauseUnless(signal);
      const news = alarm();
      const spread = milliseconds(options.spread);
      const call = (): void => void pause(spread * Math.random()).then(news.call);
      const published = (authority: string, number: bigint): void => {
        if (!look.concerns(authority)) return;
        look.expect(authority, number);
        call();
      };
      await Promise.all([
        look.run(news, pause, signal),
        service === undefined || !options.events ? undefined : hearEvents({ service, agent, call, published, mostPause: MOST_PAUSE }, surroundings, signal),
      ]);
    });
  } finally {
    await command?.stop();
    agent.destroy();
    close();
  }
}

function targetOf({ out, hashDir, format }: Options): CrlTarget {
  if (hashDir !== undefined) {
    mkdirSync(resolve(hashDir), { recursive: true, mode: 0o755 });
    return hashDirectoryTarget(resolve(hashDir));
  }
  return fileTarget(resolve(out ?? ''), formatOf({ out, format }));
}

const formatOf = ({ out, format }: { readonly out?: string | undefined; readonly format?: CrlFormat | undefined }): CrlFormat => format ?? (extname(out ?? '').toLowerCase() === '.pem' ? 'pem' : 'der');

const isDer = (options: Options): boolean => options.hashDir === undefined && formatOf(options) === 'der';

function checkUsage(options: Options): void {
  const { out, hashDir, format, from, issuer, authority } = options;
  const wrong = (what: string, advice: string): Failure => new Failure('usage', what, { advice });
  if (out === undefined && hashDir === undefined) throw wrong('there is nowhere to put the CRL', 'give --out FILE or --hash-dir FOLDER');
  if (out !== undefined && hashDir !== undefined) throw wrong('--out and --hash-dir are both given', 'give --out FILE or --hash-dir FOLDER');
  if (hashDir !== undefined && format === 'der') throw wrong('OpenSSL reads only PEM in a directory', 'leave --format out');
  if ((from === undefined) !== (issuer === undefined)) throw wrong(`--${from === undefined ? 'issuer' : 'from'} is given alone`, 'give --from and --issuer together');
  if (from !== undefined && (!URL.canParse(from) || !/^https?:/.test(from))) throw wrong(`'${from}' is not an http address`, 'expected for example http://ca.example.com/crl/issuing.crl');
  if (from !== undefined && authority.length > 1) throw wrong('--from is the address of one CRL', 'name at most one --authority');
  if (authority.length > 1 && isDer(options)) throw wrong('a DER file holds one CRL', 'name one --authority, or choose --format pem');
}

interface Sources {
  readonly find: FindSources;
  /** The service whose events are followed. */
  readonly service?: URL;
  readonly close: () => void;
}

async function sourcesOf(context: Context, options: Options, agent: Agent, leftOut: (names: readonly string[]) => void): Promise<Sources> {
  const { from, issuer, authority } = options;
  if (from !== undefined && issuer !== undefined) {
    const source = { authority: authority[0] ?? 'issuing', address: new URL(from), issuer: readIssuer(issuer), ...(from.startsWith('https:') ? { agent } : {}) };
    return { find: () => Promise.resolve([source]), close: () => {} };
  }
  const client = openClient({ url: await serviceUrl(context, options), roots: [trustedRoots(context, options)], credentials: { kind: 'none' } });
  // An explicit choice of authorities gets no notice about the others.
  const find = authority.length === 0 && isDer(options) ? serviceSources(client, agent, ['issuing'], leftOut) : serviceSources(client, agent, authority);
  return { find, service: client.url, close: () => client.close() };
}

/** Reports once for each authority that its certificates are on a CRL of its own, as after a rollover. */
function tellLeftOut(target: string, tell: Tell): (names: readonly string[]) => void {
  const told = new Set<string>();
  return (names) => {
    for (const name of names.filter((one) => !told.has(one))) {
      told.add(name);
      tell('warn', 'left-out', `${target} has nothing of ${name}, which issues in place of issuing: choose --format pem, which holds all, or write it to a second file with --authority ${name}`, { authority: name });
    }
  };
}

/** The certificate that verifies the CRL; a file with several is ambiguous, so it is refused. Throws Failure `file`. */
function readIssuer(file: string): Certificate {
  const bytes = readFileSync(file);
  try {
    return parseCertificate(pemOrDerOrBase64(bytes, 'CERTIFICATE'));
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new Failure('file', `${file}: ${error.detail}`, { advice: 'give that of the authority that signs the CRL, and no other', cause: error });
  }
}

const milliseconds = (text: string): number => (parseDuration(text) ?? 0) * SECOND;
