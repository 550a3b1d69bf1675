import { type Command, Option } from 'commander';
import { ASKABLE_REASONS } from '../../x509/revocation-reason.ts';
import { serialArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { showCertificate } from './show.ts';

/** `certificates revoke`, and its short form `revoke`. */
export function addCertificatesRevoke(parent: Command, context: Context): void {
  const command = parent.command('revoke')
    .summary('revoke a certificate')
    .description('Revoke a certificate: within a second it is on the CRL. This cannot be taken back')
    .argument('<serial>', 'its serial number: hex, with or without colons', serialArgument)
    .addOption(new Option('--reason <reason>', 'why, by its RFC 5280 name; keyCompromise also bars the key from all later certificates').choices(ASKABLE_REASONS))
    .action(async (serial: string, options: ConnectionOptions & { readonly reason?: string }) => {
      const certificate = await withClient(context, options, (client) => client.revokeCertificate(serial, options.reason));
      writeResult(context, options.json, certificate, (paint) => `Certificate ${serial} is revoked.\n\n${showCertificate(certificate, context.now(), paint)}`);
    });
  withExamples(withConnection(command), [
    ['a key was stolen', `chancery ${parent.parent === null ? '' : 'certificates '}revoke 069b3f1d5f0c0a7e --reason keyCompromise`],
    ['as its holder, with the certificate itself', `chancery ${parent.parent === null ? '' : 'certificates '}revoke 069b3f1d5f0c0a7e --cert cert.pem --key key.pem --ca ca.pem --url https://ca:8443`],
  ]);
}
