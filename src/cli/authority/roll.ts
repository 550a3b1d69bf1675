import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AUTHORITY_ALGORITHMS, type AuthorityAlgorithm } from '../../authority/options.ts';
import { parseDuration } from '../../config/duration.ts';
import { Failure } from '../../client/failure.ts';
import type { Rolled } from '../../roll.ts';
import { durationArgument, JSON_OPTION, timeArgument, withExamples } from '../arguments.ts';
import type { Context } from '../context.ts';
import { startProgress } from '../progress.ts';
import { writeResult } from '../result.ts';
import { DATA_OPTION, type PlaceOptions, readConfig } from '../settings.ts';
import { fields, printable, showTimeFrom, type Style } from '../text.ts';

interface RollOptions extends PlaceOptions {
  readonly at?: string;
  readonly algorithm?: AuthorityAlgorithm;
  readonly subject?: string;
  readonly lifetime?: string;
  readonly request?: true;
  readonly force?: true;
  readonly json?: boolean;
}

const ABOUT = `Replace the issuing authority by one with a new key, and a certificate for it signed by the root, with the same rights.
From the stated moment on it signs what is issued; the present one keeps its CRL and OCSP until its own certificate expires. Processes
serving from this data folder pick it up by themselves; give the new folder to every other replica before that moment.`;

/** `authority roll`. */
export function addAuthorityRoll(parent: Command, context: Context): void {
  const command = parent.command('roll')
    .summary('replace the issuing authority by one with a new key')
    .description(ABOUT)
    .argument('<name>', 'the authority that issues now')
    .addOption(at(context))
    .addOption(new Option('--algorithm <algorithm>', 'the type of the new key (default: as the present one)').choices(AUTHORITY_ALGORITHMS))
    .option('--subject <name>', 'the new authority\'s name (default: the present one\'s, with G2 after it)')
    .option('--lifetime <duration>', 'its lifetime (default: as long as the present one\'s, but no longer than the root\'s)', durationArgument)
    .option('--request', 'create a CSR for the holder of the root\'s key to sign; authority import installs the result, and sets the moment')
    .option('--force', 'mode self-signed: confirm that this makes a new trust anchor')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (name: string, options: RollOptions) => {
      if (options.request === true && options.at !== undefined) {
        throw new Failure('usage', '--request and --at do not go together', { advice: 'give --at to authority import, once the certificate is there' });
      }
      const settings = await readConfig(context, options);
      const { rollAuthority } = await import('../../roll.ts');
      const { algorithm, subject, request, force, lifetime } = options;
      const progress = startProgress(context, 'making a key');
      const rolled = await rollAuthority(name, {
        from: startOf(options), algorithm, subject, request, force, lifetime: lifetime === undefined ? undefined : parseDuration(lifetime),
      }, settings, context.now).finally(progress.end);
      writeResult(context, options.json, rolled, (paint) => show(rolled, context.now(), paint));
    });
  withExamples(command, [
    ['a new key in an hour', 'chancery authority roll issuing'],
    ['with another algorithm, at night', 'chancery authority roll issuing --algorithm P-384 --at 2027-01-01T02:00:00Z'],
    ['the root\'s key is elsewhere', 'chancery authority roll issuing --request'],
  ]);
}

interface ImportOptions extends PlaceOptions {
  readonly at?: string;
  readonly root?: string;
  readonly json?: boolean;
}

/** `authority import`. */
export function addAuthorityImport(parent: Command, context: Context): void {
  const command = parent.command('import')
    .summary('install the certificate that another CA issued for a rolled authority\'s CSR')
    .description('Check and install the certificate that another CA issued for the CSR made by authority roll --request; from the stated moment on that authority issues.')
    .argument('<name>', 'the authority that waits: issuing-2')
    .argument('<file>', 'the signed certificate and its chain (PEM, or PKCS#7 as .p7b)')
    .addOption(at(context))
    .option('--root <file>', 'the root, if the file does not contain it')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (name: string, file: string, options: ImportOptions) => {
      const settings = await readConfig(context, options);
      const { importRolled } = await import('../../roll.ts');
      const rolled = await importRolled(name, { chain: resolve(file), root: options.root === undefined ? undefined : resolve(options.root), from: startOf(options) }, settings, context.now);
      writeResult(context, options.json, rolled, (paint) => show(rolled, context.now(), paint));
    });
  withExamples(command, [['what the other CA sent back', 'chancery authority import issuing-2 issuing-2.p7b --at 1d']]);
}

const at = (context: Context): Option => new Option('--at <time>', 'when it starts to issue: a time, or a span from now (default: 1h, or at once if the present one has ended)')
  .argParser((text) => {
    const time = timeArgument(context.now, 'future')(text);
    // A time given as "now" is a moment in the past by the time it is checked.
    if (Date.parse(time) < context.now() - PASSED) throw new InvalidArgumentError('Expected a future time, or a span such as 0s for now.');
    return time;
  });

const PASSED = 60_000;

const startOf = ({ at }: { readonly at?: string }): number | undefined => (at === undefined ? undefined : Math.ceil(Date.parse(at) / 1000));

function show(rolled: Rolled, now: number, paint: (style: Style, text: string) => string): string {
  const { name, subject, follows, folder, from, notAfter, request, notes = [] } = rolled;
  return `${fields([
    ['authority', name],
    ['subject', subject],
    ['follows', follows],
    ['issues from', from === undefined ? undefined : showTimeFrom(now, from)],
    ['ends', notAfter === undefined ? undefined : showTimeFrom(now, notAfter)],
    ['folder', folder],
    ['request', request],
    ...notes.map((note) => ['note', note] as const),
  ], paint)}\n${next(rolled).map((line) => `${printable(line)}\n`).join('')}`;
}

/** The remaining steps, and who has to take them. */
function next({ name, follows, hasEnded, folder, from, request, isAnchor }: Rolled): readonly string[] {
  if (request !== undefined) {
    return [
      `Nothing changes yet. Have ${request} signed as a CA certificate by the holder of the root's key; then`,
      `  chancery authority import ${name} FILE`,
    ];
  }
  return [
    ...(isAnchor === true ? [`It is self-signed: everyone who checks certificates must trust ${folder}/cert.pem too, before it issues. /ca/roots.pem has both.`] : []),
    `Processes that serve from this data folder pick it up by themselves; a replica with a folder of its own needs a copy of ${name} before it issues.`,
    ...(hasEnded === true ? [`${follows} has expired, and with it what it signed: holders of such certificates must enrol again.`] : [
      `${follows} keeps its CRL and OCSP, and what it signed stays valid. To have that renewed in the week after:`,
      `  chancery certificates renew-soon --authority ${follows} --from ${from ?? ''} --within 7d --reason 'rolled to ${name}'`,
    ]),
  ];
}
