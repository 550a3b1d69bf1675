import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { proofOfCompromise } from '../../agent/proof.ts';
import { Failure } from '../../client/failure.ts';
import { ASKABLE_REASONS } from '../../x509/revocation-reason.ts';
import { integerArgument, serialArgument, timeArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { type Selection, isEmpty, revokeMany } from './revoke-many.ts';
import { showCertificate } from './show.ts';

interface Options extends ConnectionOptions, Selection {
  readonly reason?: string;
  readonly proofKey?: string;
  readonly proof?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly concurrency: number;
}

const ABOUT = `Revoke one certificate by its serial, or all those selected by --requester, --profile, --name and similar options.
They are on the CRL within a second. Only certificateHold can be undone (release).
In bulk, the count is shown first, and you are asked to confirm. To resume an interrupted run, repeat it: only certificates
that are still valid are selected. Certificates on hold stay as they are; your own and the service's own are left out.`;

/** `certificates revoke`, and its short form `revoke`. */
export function addCertificatesRevoke(parent: Command, context: Context): void {
  const command = parent.command('revoke')
    .summary('revoke a certificate, or many')
    .description(ABOUT)
    .argument('[serial]', 'its serial number: hex, with or without colons', serialArgument)
    .addOption(new Option('--reason <reason>', 'the reason, by its RFC 5280 name; keyCompromise also bars the key from all later certificates').choices(ASKABLE_REASONS))
    .option('--proof-key <file>', 'the certificate\'s private key, which proves that it is compromised; no credentials are needed')
    .option('--proof <file>', 'the same with a CSR made with that key and the common name \'chancery revoke <serial>\'')
    .option('--requester <name>', 'all of this requester')
    .option('--profile <profile>', 'all of this profile')
    .option('--name <name>', 'all for this name; *.example.com for all names below')
    .option('--issued-before <time>', 'all issued before: a date, an ISO 8601 time, or a span such as 7d', timeArgument(context.now, 'past'))
    .option('--issued-after <time>', 'all issued at or after', timeArgument(context.now, 'past'))
    .option('--dry-run', 'show what would be revoked, and revoke nothing')
    .option('--yes', 'do not ask for confirmation')
    .option('--concurrency <n>', 'number of revocations in parallel', integerArgument(1, 64), 8)
    .action(async (serial: string | undefined, options: Options) => {
      if (serial === undefined) return revokeMany(context, checked(options));
      if (!isEmpty(options)) throw new Failure('usage', 'a serial and a selection are both given', { advice: 'give one of them' });
      const proof = proofOf(serial, options);
      const certificate = await withClient(context, options, (client) => client.revokeCertificate(serial, options.reason, proof), proof === undefined ? undefined : { kind: 'none' });
      writeResult(context, options.json, certificate, (paint) => `Certificate ${serial} is ${options.reason === 'certificateHold' ? 'on hold' : 'revoked'}.\n\n${showCertificate(certificate, context.now(), paint)}`);
    });
  const prefix = `chancery ${parent.parent === null ? '' : 'certificates '}revoke`;
  withExamples(withConnection(command), [
    ['a key was stolen', `${prefix} 069b3f1d5f0c0a7e --reason keyCompromise`],
    ['as its holder, with the certificate itself', `${prefix} 069b3f1d5f0c0a7e --cert cert.pem --key key.pem --ca ca.pem --url https://ca:8443`],
    ['somebody\'s key was found', `${prefix} 069b3f1d5f0c0a7e --proof-key found.pem --ca root.pem --url https://ca:8443`],
    ['all that a pipeline got last week: first look, then do it', `${prefix} --requester ci --issued-after 7d --reason superseded --dry-run`],
  ]);
}

function checked(options: Options): Options & { readonly reason: string } {
  if (isEmpty(options)) throw new Failure('usage', 'nothing is selected', { advice: 'give a serial, or one of --requester, --profile, --name, --issued-before, --issued-after' });
  if (options.proof !== undefined || options.proofKey !== undefined) throw new Failure('usage', 'a proof is for one certificate', { advice: 'give its serial' });
  const { reason } = options;
  if (reason === undefined) throw new Failure('usage', 'no reason is given', { advice: `give --reason, one of ${ASKABLE_REASONS.join(', ')}` });
  return { ...options, reason };
}

function proofOf(serial: string, { proof, proofKey, reason }: Options): string | undefined {
  if (proof === undefined && proofKey === undefined) return undefined;
  if (proof !== undefined && proofKey !== undefined) throw new Failure('usage', '--proof and --proof-key are both given', { advice: 'give one of them' });
  if (reason !== undefined && reason !== 'keyCompromise') throw new Failure('usage', 'with a proof the reason is keyCompromise', { advice: 'leave --reason out' });
  return proofKey === undefined ? readFileSync(proof ?? '', 'latin1') : proofOfCompromise(proofKey, serial);
}
