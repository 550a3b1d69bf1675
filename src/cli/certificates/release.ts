import type { Command } from 'commander';
import { serialArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { showCertificate } from './show.ts';

/** `certificates release`: removes a certificateHold. */
export function addCertificatesRelease(parent: Command, context: Context): void {
  const command = parent.command('release')
    .summary('release a certificate from hold')
    .description('Make a certificate valid again that was revoked with the reason certificateHold. No other revocation can be undone')
    .argument('<serial>', 'its serial number: hex, with or without colons', serialArgument)
    .action(async (serial: string, options: ConnectionOptions) => {
      const certificate = await withClient(context, options, (client) => client.releaseCertificate(serial));
      writeResult(context, options.json, certificate, (paint) => `Certificate ${serial} is released.\n\n${showCertificate(certificate, context.now(), paint)}`);
    });
  withExamples(withConnection(command), [
    ['hold a certificate while you investigate', 'chancery certificates revoke 069b3f1d5f0c0a7e --reason certificateHold'],
    ['release it if it was a false alarm', 'chancery certificates release 069b3f1d5f0c0a7e'],
  ]);
}
