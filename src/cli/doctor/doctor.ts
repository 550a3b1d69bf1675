import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { Failure } from '../../client/failure.ts';
import { JSON_OPTION, withExamples } from '../arguments.ts';
import { trustedRoots } from '../connection.ts';
import type { Context } from '../context.ts';
import { toFailure } from '../report-failure.ts';
import { writeResult } from '../result.ts';
import { DATA_OPTION, type PlaceOptions, dataFolder, readConfig, serviceUrl } from '../settings.ts';
import { type Style, printable } from '../text.ts';
import { ADDRESS_CHECKS } from './addresses.ts';
import type { Outcome, Patient } from './check.ts';
import { type Result, examine } from './examine.ts';
import { FILE_CHECKS } from './files.ts';
import { oidcChecks } from './oidc.ts';
import { rebuildIndexes } from './rebuild.ts';
import { serviceChecks } from './service.ts';

interface Options extends PlaceOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly rebuildIndexes?: true;
  readonly json?: boolean;
}

/** `doctor`: checks everything that must be right, and says what to do about what is not. */
export function addDoctor(parent: Command, context: Context): void {
  const command = parent.command('doctor')
    .summary('find out what is wrong, and what to do about it')
    .description('Check files, permissions, authorities, the store, the addresses, the running service, its CRL and the clock. Changes nothing, unless told to.\nEach line is ok, warn or fail, with what to do; checks that a failure made impossible are named after it. Exit status 1 if one fails.')
    .option('--url <address>', 'the service (default: CHANCERY_URL, or the https listener in <data>/chancery.yaml)')
    .option('--ca <file>', 'the root certificate to trust the service by (default: <data>/root.pem)')
    .option('--config <file>', 'the configuration (default: <data>/chancery.yaml)')
    .option('--rebuild-indexes', 'check nothing, but rebuild the store\'s indexes (Redis) from its records; services may be running')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (options: Options) => {
      if (options.rebuildIndexes === true) return rebuildIndexes(context, options);
      const patient = await patientOf(context, options);
      // On a machine other than the service's, only the service itself can be checked.
      const away = options.url !== undefined && !existsSync(patient.data);
      const results = await examine(patient, [...(away ? [] : [...FILE_CHECKS, ...ADDRESS_CHECKS, ...oidcChecks(patient)]), ...serviceChecks(patient)]);
      const count = (which: Outcome): number => results.filter(({ outcome }) => outcome === which).length;
      const failed = count('fail');
      writeResult(context, options.json, { healthy: failed === 0, checks: results }, (paint) => show(results, paint));
      if (failed === 0) return;
      const skipped = count('skip');
      throw new Failure('check-failed', `${failed} of ${results.length} checks failed${skipped === 0 ? '' : `, and ${skipped} could not be made`}`, { advice: 'what to do is shown below each' });
    });
  withExamples(command, [
    ['on the service\'s machine', 'chancery doctor --data /var/lib/chancery'],
    ['from elsewhere', 'chancery doctor --url https://ca.example.com:8443 --ca root.pem'],
    ['in a health check', 'chancery doctor --json | jq -e .healthy'],
    ['when listings are incomplete', 'chancery doctor --rebuild-indexes'],
  ]);
}

async function patientOf(context: Context, options: Options): Promise<Patient> {
  const [config, configFault] = await readConfig(context, options).then((value) => [value, undefined] as const, (error: unknown) => [undefined, error] as const);
  const data = config?.data ?? dataFolder(context, options);
  const url = await serviceUrl(context, options).catch(toFailure);
  return { context, data, config, configFault, url, roots: rootsOf(context, { ...options, data }) };
}

function rootsOf(context: Context, options: Pick<Options, 'ca' | 'data'>): string | Failure {
  try {
    return trustedRoots(context, options);
  } catch (error) {
    return toFailure(error);
  }
}

const STYLES: Readonly<Record<Outcome, Style>> = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'dim' };

function show(results: readonly Result[], paint: (style: Style, text: string) => string): string {
  const seen = results.filter(({ outcome }) => outcome !== 'skip');
  const width = Math.max(...seen.map(({ name }) => name.length));
  const below = (text: string): string => `${' '.repeat(width + 8)}${text}\n`;
  const lines = seen.map(({ name, outcome, detail, faults = [], advice }) => [
    `${paint(STYLES[outcome], outcome.padEnd(4))}  ${name.padEnd(width)}  ${printable(detail)}\n`,
    ...faults.map((fault) => below(printable(fault))),
    ...(advice === undefined ? [] : [below(paint('dim', `-> ${printable(advice)}`))]),
  ].join(''));
  const causes = new Set(results.flatMap(({ because }) => because ?? []));
  const unseen = [...causes].map((cause) => `${paint(STYLES.skip, 'skip')}  ${results.filter(({ because }) => because === cause).map(({ name }) => name).join(', ')}: cannot be checked until '${cause}' is fixed\n`);
  return [...lines, ...unseen].join('');
}
