import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../../client/failure.ts';
import { JSON_OPTION, withExamples } from '../arguments.ts';
import type { Context } from '../context.ts';
import { startProgress } from '../progress.ts';
import { toFailure } from '../report-failure.ts';
import { writeResult } from '../result.ts';
import { DATA_OPTION, type PlaceOptions, dataFolder, readConfig, serviceUrl } from '../settings.ts';
import { type Style, printable } from '../text.ts';
import type { Check, Finding, Outcome, Patient } from './check.ts';
import { FILE_CHECKS } from './files.ts';
import { oidcChecks } from './oidc.ts';
import { rebuildIndexes } from './rebuild.ts';
import { SERVICE_CHECKS } from './service.ts';

interface Options extends PlaceOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly rebuildIndexes?: true;
  readonly json?: boolean;
}

type Result = Finding & { readonly name: string };

/** `doctor`: looks at everything that must be right, and says what to do where it is not. */
export function addDoctor(parent: Command, context: Context): void {
  const command = parent.command('doctor')
    .summary('look for what is wrong, and say what to do')
    .description('Check files, rights, authorities, the store, the running service, its CRL and the clock. Changes nothing, unless told to.\nEach line is ok, warn or fail, with what to do; exit status 1 where one fails.')
    .option('--url <address>', 'the service (CHANCERY_URL; the https listener of <data>/chancery.yaml)')
    .option('--ca <file>', 'the root certificate that the service is trusted by (<data>/root.pem)')
    .option('--config <file>', 'the configuration (<data>/chancery.yaml)')
    .option('--rebuild-indexes', 'check nothing, but make the indexes of the store (Redis) anew from its records; services may run')
    .option(...DATA_OPTION)
    .option(...JSON_OPTION)
    .action(async (options: Options) => {
      if (options.rebuildIndexes === true) return rebuildIndexes(context, options);
      const patient = await patientOf(context, options);
      // On another machine than the service's, only the service can be looked at.
      const away = options.url !== undefined && !existsSync(patient.data);
      const results = await examine(patient, [...(away ? [] : [...FILE_CHECKS, ...oidcChecks(patient)]), ...SERVICE_CHECKS]);
      const failed = results.filter(({ outcome }) => outcome === 'fail').length;
      writeResult(context, options.json, { healthy: failed === 0, checks: results }, (paint) => show(results, paint));
      if (failed > 0) throw new Failure('check-failed', `${failed} of ${results.length} checks failed`, { advice: 'what to do stands below each' });
    });
  withExamples(command, [
    ['on the machine of the service', 'chancery doctor --data /var/lib/chancery'],
    ['from elsewhere', 'chancery doctor --url https://ca.example.com:8443 --ca root.pem'],
    ['in a health check', 'chancery doctor --json | jq -e .healthy'],
    ['when listings miss what is there', 'chancery doctor --rebuild-indexes'],
  ]);
}

async function patientOf(context: Context, options: Options): Promise<Patient> {
  const [config, configFault] = await readConfig(context, options).then((value) => [value, undefined] as const, (error: unknown) => [undefined, error] as const);
  const data = config?.data ?? dataFolder(context, options);
  const url = await serviceUrl(context, options).catch(() => new Failure('file', 'its address is not known', { advice: 'mend the configuration, or give it with --url' }));
  const file = options.ca ?? join(data, 'root.pem');
  return { context, data, config, configFault, url, roots: existsSync(file) ? readFileSync(file, 'latin1') : undefined };
}

async function examine(patient: Patient, checks: readonly Check[]): Promise<Result[]> {
  const progress = startProgress(patient.context, 'checking');
  const results: Result[] = [];
  try {
    for (const { name, look } of checks) {
      progress.update(name, results.length, checks.length);
      results.push({ name, ...await looked(patient, look) });
    }
  } finally {
    progress.end();
  }
  return results;
}

/** A look that ends in an error has found one. */
async function looked(patient: Patient, look: Check['look']): Promise<Finding> {
  try {
    return await look(patient);
  } catch (error) {
    const { message, advice, more } = toFailure(error);
    return { outcome: 'fail', detail: [message, ...more].join('; '), ...(advice === undefined ? {} : { advice }) };
  }
}

const STYLES: Readonly<Record<Outcome, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' };

function show(results: readonly Result[], paint: (style: Style, text: string) => string): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  return results.map(({ name, outcome, detail, advice }) =>
    `${paint(STYLES[outcome], outcome.padEnd(4))}  ${name.padEnd(width)}  ${printable(detail)}\n${advice === undefined ? '' : `${' '.repeat(width + 8)}${paint('dim', `-> ${printable(advice)}`)}\n`}`).join('');
}
