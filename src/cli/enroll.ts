import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { dockerHost } from '../agent/bundle.ts';
import { type Enrolment, enroll } from '../agent/enroll.ts';
import { LAYOUTS, type Layout } from '../agent/layout.ts';
import { UNIT_KINDS, type UnitKind } from '../agent/systemd.ts';
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../authority/keys/generate.ts';
import { parseServiceUrl } from '../client/address.ts';
import { Failure } from '../client/failure.ts';
import { withRoot } from './issuer-token.ts';
import { addAttestOptions, type AttestArguments, attestedToken } from './attest-options.ts';
import { JSON_OPTION, durationArgument, integerArgument, withExamples } from './arguments.ts';
import type { Context } from './context.ts';
import { installUnits } from './install-units.ts';
import { startProgress, telling } from './progress.ts';
import { writeResult } from './result.ts';
import { fields, printable, showTimeFrom } from './text.ts';

interface Options extends AttestArguments {
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly name: readonly string[];
  readonly profile?: string;
  readonly out: string;
  readonly layout: Layout;
  readonly dockerHost?: string;
  readonly keyType: KeyAlgorithm;
  readonly validity?: string;
  readonly wait: number;
  readonly reuseKey?: boolean;
  readonly force?: boolean;
  readonly install?: UnitKind;
  readonly exec?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const ABOUT = `Get this machine its first certificate: generate a key, send a CSR with a token, write key, certificate and root.
The key never leaves the machine. The token is sent only to the service whose root certificate it names.
After an interruption, run the same command again to resume: same key, same certificate.`;

const LAYOUT_HELP = `
Layouts (certificate files include the issuers; ca.pem is the root):
  plain   key.pem  cert.pem  ca.pem
  docker  what dockerd --tlsverify and DOCKER_CERT_PATH expect; keys 0400, certificates 0444. Depending on the token:
          profile server          server-key.pem  server-cert.pem  ca.pem
          profile client          key.pem  cert.pem  ca.pem
          profiles server client  both pairs, each with its own key: neither certificate can be used in place of the other
          profile node            both pairs, with the same key and certificate
  bundle  for a Docker client: key.pem  cert.pem  ca.pem, and env.sh, env.ps1, env.cmd, which set DOCKER_HOST,
          DOCKER_TLS_VERIFY and DOCKER_CERT_PATH
`;

/** `enroll`: a node's first certificate. */
export function addEnroll(parent: Command, context: Context): void {
  const command = parent.command('enroll')
    .summary('get this machine its first certificate, with a token')
    .description(ABOUT)
    .option('--url <address>', 'the service (default: CHANCERY_URL)')
    .option('--token <token>', 'the enrolment token, or with --ca an OpenID Connect token (default: CHANCERY_TOKEN, which other users of the machine cannot see)')
    .option('--token-file <file>', 'a file that contains the token; - for standard input')
    .requiredOption('--name <name...>', 'a name for the certificate: host name, address, e-mail, URI')
    .option('--profile <profile>', 'the certificate\'s profile (default: the token\'s)')
    .option('--out <folder>', 'the folder to write to', '.')
    .addOption(new Option('--layout <layout>', 'the names of the files').choices(LAYOUTS).default('plain'))
    .option('--docker-host <address>', 'with layout bundle: the Engine to use (default: tcp://<host of the service>:2376)')
    .addOption(new Option('--key-type <type>', 'the type of key to generate').choices(KEY_ALGORITHMS).default('P-256'))
    .option('--validity <duration>', 'the certificate\'s lifetime (default: the profile\'s)', durationArgument)
    .option('--wait <seconds>', 'how long to wait for an operator\'s approval', integerArgument(0, 604_800), 300)
    .option('--reuse-key', 'use the existing key instead of a new one')
    .option('--force', 'replace existing files')
    .addOption(new Option('--install [kind]', 'write a systemd unit that keeps the certificate renewed: a daemon, or a timer').choices(UNIT_KINDS).preset('daemon'))
    .option('--exec <command>', 'with --install: a shell command to run after each renewal')
    .option('--dry-run', 'with --install: print the unit and do nothing else')
    .option(...JSON_OPTION)
    .action(async (options: Options) => {
      if (options.install === undefined && (options.exec !== undefined || options.dryRun === true)) {
        throw new Failure('usage', `--${options.exec === undefined ? 'dry-run' : 'exec'} goes with --install`);
      }
      if (options.dryRun === true) return install(context, options);
      const progress = startProgress(context, 'beginning');
      try {
        const { dockerHost: host } = options;
        if (host !== undefined && options.layout !== 'bundle') throw new Failure('usage', '--docker-host goes with --layout bundle');
        const url = addressOf(context, options);
        const enrolments = await enroll({
          url,
          token: attestedToken(url, options) ?? withRoot(tokenOf(context, options), options.ca),
          names: options.name,
          profile: options.profile,
          folder: resolve(options.out),
          layout: options.layout,
          dockerHost: host === undefined ? undefined : dockerHost(host),
          keyType: options.keyType,
          validity: options.validity,
          wait: options.wait,
          force: options.force === true,
          reuseKey: options.reuseKey === true,
        }, { now: context.now, onProgress: telling(context, progress.update) });
        progress.end();
        const results = enrolments.map(resultOf);
        writeResult(context, options.json, { ...results[0], certificates: results }, (paint) => enrolments.map((enrolment) => fields([
          ['serial', enrolment.serial],
          ['profile', enrolment.profile],
          ['ends', showTimeFrom(context.now(), enrolment.notAfter)],
          ['key', enrolment.key.join(', ')],
          ['certificate', enrolment.certificate.join(', ')],
          ['root', enrolment.ca],
        ], paint)).join('\n') + nextOf(options));
        install(context, options);
      } finally {
        progress.end();
      }
    });
  addAttestOptions(command);
  withExamples(command, [
    ['a web server', 'chancery enroll --url https://ca:8443 --token CHYTKN-1-... --name www.example.com --name example.com --out /etc/tls'],
    ['a Docker daemon and its own client, with a token for the profiles server and client', 'chancery enroll --url https://ca:8443 --token CHYTKN-1-... --name docker1.example.com --name 10.0.0.7 --layout docker --out /etc/docker/tls'],
    ['a user of that daemon, with a token for profile client', 'chancery enroll --url https://ca:8443 --token CHYTKN-1-... --name "Alice Smith" --layout bundle --docker-host docker1.example.com --out ~/docker1'],
    ['a web server, and a systemd service that renews its certificate', 'chancery enroll --url https://ca:8443 --token CHYTKN-1-... --name www.example.com --out /etc/tls --install --exec "systemctl reload nginx"'],
    ['an RSA key, a short lifetime, the token from standard input', 'chancery enroll --url https://ca:8443 --token-file - --name node1.example.com --key-type RSA-3072 --validity 12h'],
    ['a pipeline, with the token its platform signed', 'chancery enroll --url https://ca:8443 --ca root.pem --token "$CA_TOKEN" --name octo-org.ci.example.com'],
    ['an AWS instance, without a token', 'chancery enroll --url https://ca:8443 --attest aws --ca root.pem --name i-0123456789abcdef0.nodes.example.com --out /etc/tls'],
  ]).addHelpText('after', LAYOUT_HELP);
}

/** Installs whatever will keep the certificate renewed, if that was asked for. */
function install(context: Context, { install: kind, out, exec, dryRun, json }: Options): void {
  if (kind === undefined) return;
  const folder = resolve(out);
  installUnits(context, { kind, dryRun: dryRun === true, about: folder, folders: [folder], args: ['--out', folder, ...(exec === undefined ? [] : ['--exec', exec])], quiet: json === true });
}

/** The next step for the user; nothing if a unit takes care of it. */
function nextOf({ install: kind, layout, out }: Options): string {
  if (kind !== undefined) return '';
  const folder = printable(resolve(out));
  return layout === 'bundle' ? `\nThen: . ${folder}/env.sh\n` : `\nThen, to keep it renewed: chancery renew --install --out ${folder} (or --daemon in its place, or neither, from cron)\n`;
}

function addressOf(context: Context, options: Options): URL {
  const url = options.url ?? context.env['CHANCERY_URL'];
  if (url === undefined || url === '') throw new Failure('usage', 'the service\'s address is missing', { advice: 'give it with --url or CHANCERY_URL' });
  return parseServiceUrl(url);
}

function tokenOf(context: Context, options: Options): string {
  const text = options.token ?? (options.tokenFile === undefined ? context.env['CHANCERY_TOKEN'] : readFileSync(options.tokenFile === '-' ? 0 : options.tokenFile, 'utf8'));
  if (text === undefined || text.trim() === '') {
    throw new Failure('usage', 'the enrolment token is missing', { advice: 'give it with --token, --token-file or CHANCERY_TOKEN; \'chancery token create\' makes one' });
  }
  return text.trim();
}

const resultOf = ({ serial, profile, notBefore, notAfter, key, certificate, ca }: Enrolment) =>
  ({ serial, profile, notBefore: new Date(notBefore).toISOString(), notAfter: new Date(notAfter).toISOString(), files: { key, certificate, ca } });
