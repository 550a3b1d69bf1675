import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { AuthorityMode } from '../authority/authority.ts';
import { authoritiesFolder } from '../authority/layout.ts';
import { AUTHORITY_ALGORITHMS, type AuthorityAlgorithm, type InitOptions } from '../authority/options.ts';
import { Failure } from '../client/failure.ts';
import type { Config } from '../config/config.ts';
import { parseDuration } from '../config/duration.ts';
import type { Initialised } from '../initialise.ts';
import { JSON_OPTION, durationArgument, integerArgument, withExamples } from './arguments.ts';
import type { Context } from './context.ts';
import { startProgress } from './progress.ts';
import { writeResult } from './result.ts';
import { DATA_OPTION, type PlaceOptions, readConfig } from './settings.ts';
import { type Style, fields, printable } from './text.ts';

interface Options extends PlaceOptions {
  readonly mode?: AuthorityMode;
  readonly algorithm?: AuthorityAlgorithm;
  readonly rootSubject?: string;
  readonly issuingSubject?: string;
  readonly rootLifetime?: string;
  readonly issuingLifetime?: string;
  readonly pathLength?: number;
  readonly permit?: readonly string[];
  readonly exclude?: readonly string[];
  readonly publicUrl?: string;
  readonly crlUrl?: readonly string[];
  readonly issuerUrl?: readonly string[];
  readonly ocspUrl?: readonly string[];
  readonly import?: string;
  readonly root?: string;
  readonly operator?: string | true;
  readonly ifMissing?: true;
  readonly json?: boolean;
}

const ABOUT = `Create the authorities, the first operator's certificate and a commented configuration file. Never overwrites.
Keys are PKCS#8 files that only their owner can read, encrypted if CHANCERY_AUTHORITY__PASSPHRASE or
CHANCERY_AUTHORITY__PASSPHRASE_FILE gives a passphrase.`;

const MODES_HELP = `
Modes:
  internal     a root, and an issuing authority under it (the default)
  self-signed  one authority that signs certificates itself
  external     an issuing key and its CSR, for another CA to sign (a public one, Microsoft AD CS, OpenSSL);
               its reply is checked and installed with --import
`;

/** `init`: creates the authorities of a deployment. */
export function addInit(parent: Command, context: Context): void {
  const command = parent.command('init')
    .summary('create the authorities of a deployment')
    .description(ABOUT)
    .addOption(new Option('--mode <mode>', 'which authorities to create (default: internal)').choices(['internal', 'self-signed', 'external']))
    .addOption(new Option('--algorithm <algorithm>', 'the type of their keys (default: P-256)').choices(AUTHORITY_ALGORITHMS))
    .option('--root-subject <name>', 'the root\'s name: "CN=Example Root,O=Example"')
    .option('--issuing-subject <name>', 'the issuing authority\'s name')
    .option('--root-lifetime <duration>', 'the root\'s lifetime (default: 10y)', durationArgument)
    .option('--issuing-lifetime <duration>', 'the issuing authority\'s lifetime (default: 5y)', durationArgument)
    .option('--path-length <n>', 'how many authorities may follow below the issuing one (default: 0)', integerArgument(0, 10))
    .option('--permit <name...>', 'name constraints: only names under this one: example.com, 10.0.0.0/8, email:example.com')
    .option('--exclude <name...>', 'name constraints: no names under this one')
    .option('--public-url <address>', 'the http address at which CRLs are published, with the port unless it is 80: http://ca.example.com:8080')
    .option('--crl-url <address...>', 'the address of the root\'s CRL (default: <public-url>/crl/root.crl)')
    .option('--issuer-url <address...>', 'the address of the root\'s certificate (default: <public-url>/ca/root.crt)')
    .option('--ocsp-url <address...>', 'the address of the root\'s OCSP responder')
    .option('--import <file>', 'mode external: the signed certificate and its chain (PEM, or PKCS#7 as .p7b)')
    .option('--root <file>', 'with --import: the root, if the file does not contain it')
    .option('--operator [name]', 'only create another operator certificate (default name: operator), when the last one has expired or init was interrupted')
    .option('--if-missing', 'do nothing if there are authorities already, but finish an interrupted init: for scripts that run at each start')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (options: Options) => {
      refuseMixture(options);
      const settings = await readConfig(context, options);
      const { FIRST_OPERATOR, finishInitialise, importAuthority, initialise, initialiseOperator } = await import('../initialise.ts');
      if (options.ifMissing === true && existsSync(authoritiesFolder(settings.data))) {
        const finished = await finishInitialise(settings, context.now);
        if (finished !== undefined) writeResult(context, options.json, finished, (paint) => show(finished, paint));
        else writeResult(context, options.json, { data: settings.data, made: false }, () => `There are authorities in ${settings.data} already.\n`);
        return;
      }
      const progress = startProgress(context, 'making keys');
      const work = (): Promise<Initialised> => {
        if (options.operator !== undefined) return initialiseOperator(options.operator === true ? FIRST_OPERATOR : options.operator, settings, context.now);
        if (options.import === undefined) return initialise(initOptions(options), settings, context.now);
        return importAuthority({ chain: resolve(options.import), root: options.root === undefined ? undefined : resolve(options.root) }, settings, context.now);
      };
      const result = withNote(await work().finally(progress.end), options, settings);
      writeResult(context, options.json, result, (paint) => show(result, paint));
    });
  withExamples(command, [
    ['a root and an issuing authority in ./chancery-data', 'chancery init --root-subject "CN=Example Root,O=Example" --public-url http://ca.example.com:8080'],
    ['restricted to your own names', 'chancery init --permit example.com --permit 10.0.0.0/8 --data /var/lib/chancery'],
    ['under another CA: the CSR for it', 'chancery init --mode external --issuing-subject "CN=Example Issuing,O=Example"'],
    ['then install its reply', 'chancery init --import issuing-chain.p7b'],
    ['an operator, when the last one\'s certificate has expired', 'chancery init --operator alice'],
  ]).addHelpText('after', MODES_HELP);
}

function show(made: Initialised, paint: (style: Style, text: string) => string): string {
  const next = made.root === undefined
    ? `Have ${made.request} signed by the other CA, then: chancery init --data ${made.data} --import FILE`
    : `Then: chancery serve --data ${made.data}`;
  return `${fields([
    ['mode', made.mode],
    ['data', made.data],
    ['root', made.root],
    ['root digest', made.rootDigest],
    ['operator', made.operator],
    ['request', made.request],
    ['configuration', made.configuration],
    ...(made.notes ?? []).map((note) => ['note', note] as const),
  ], paint)}\n${printable(next)}\n`;
}

/** If no public address of the http listener is configured, certificates contain the listener's own address for their whole life. */
function withNote(made: Initialised, options: Options, { publicUrl, listen: { http } }: Config): Initialised {
  const making = options.import === undefined && options.operator === undefined;
  if (!making || (options.publicUrl ?? publicUrl.http) !== undefined || http === 'off') return made;
  const remedy = made.mode === 'internal' ? 'remove the data folder and start over with --public-url: the issuing certificate has it already' : 'set publicUrl.http in the configuration before the first is issued';
  return { ...made, notes: [...made.notes ?? [], `No --public-url is given, so certificates say that CRLs are at the http listener's own address. If others are to fetch them, ${remedy}.`] };
}

function initOptions(options: Options): Omit<InitOptions, 'data' | 'passphrase' | 'clock' | 'random'> {
  const { mode = 'internal', algorithm, rootSubject, issuingSubject, pathLength } = options;
  return {
    mode, algorithm, rootSubject, issuingSubject, pathLength,
    rootLifetime: seconds(options.rootLifetime),
    issuingLifetime: seconds(options.issuingLifetime),
    httpBase: options.publicUrl,
    crlUrls: options.crlUrl,
    issuerUrls: options.issuerUrl,
    ocspUrls: options.ocspUrl,
    nameConstraints: { permitted: options.permit?.map(withKind), excluded: options.exclude?.map(withKind) },
  };
}

const seconds = (duration: string | undefined): number | undefined => (duration === undefined ? undefined : parseDuration(duration));

/** A constraint with its type prefix, added if it was left out. */
function withKind(text: string): string {
  if (/^(dns|ip|email|uri):/.test(text)) return text;
  if (isIP(text.replace(/\/.*$/, '')) !== 0) return `ip:${text}`;
  return text.includes('@') ? `email:${text}` : `dns:${text}`;
}

function refuseMixture(options: Options): void {
  const { import: chain, root, operator, data, config, ifMissing, json, ...making } = options;
  const [other] = Object.keys(making);
  if (operator !== undefined && (other ?? chain ?? root ?? ifMissing) !== undefined) {
    throw new Failure('usage', '--operator goes alone', { advice: 'expected --operator with --data and --config alone: the authorities are there already' });
  }
  if (chain !== undefined && other !== undefined) {
    const flag = other.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new Failure('usage', `--import and --${flag} do not go together`, { advice: 'expected --import with --root and --data alone: all else was settled when the CSR was made' });
  }
  if (chain === undefined && root !== undefined) throw new Failure('usage', '--root goes with --import', { advice: 'the name of a new root is given with --root-subject' });
}
