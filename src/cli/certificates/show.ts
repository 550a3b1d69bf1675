import type { Command } from 'commander';
import type { CertificateReply } from '../../client/replies.ts';
import { Failure } from '../../client/failure.ts';
import { serialArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { type Style, fields, showTime, showTimeFrom } from '../text.ts';

interface Options extends ConnectionOptions {
  readonly pem?: boolean;
  readonly chain?: boolean;
}

/** `certificates show`: one certificate in readable form, as JSON, or as PEM. */
export function addCertificatesShow(parent: Command, context: Context): void {
  const command = parent.command('show')
    .summary('show a certificate')
    .description('Show an issued certificate')
    .argument('<serial>', 'its serial number: hex, with or without colons', serialArgument)
    .option('--pem', 'print the certificate itself (PEM)')
    .option('--chain', 'with --pem: followed by its issuers')
    .action(async (serial: string, options: Options) => {
      const certificate = await withClient(context, options, (client) => client.getCertificate(serial));
      if (options.pem === true) context.stdout.write(pemOf(certificate, options.chain === true));
      else writeResult(context, options.json, certificate, (paint) => showCertificate(certificate, context.now(), paint));
    });
  withExamples(withConnection(command), [
    ['its contents and status', 'chancery certificates show 06:9B:3F:1D:5F:0C:0A:7E'],
    ['look at it with OpenSSL', 'chancery certificates show 069b3f1d5f0c0a7e --pem | openssl x509 -noout -text'],
  ]);
}

function pemOf({ certificate, chain, serial }: CertificateReply, withChain: boolean): string {
  if (certificate === undefined) throw new Failure('bad-reply', `the service sent no certificate for ${serial}`);
  return [certificate, ...(withChain ? chain ?? [] : [])].map((pem) => `${pem.trimEnd()}\n`).join('');
}

/** A certificate in readable form. */
export const showCertificate = (certificate: CertificateReply, now: number, paint: (style: Style, text: string) => string): string => fields([
  ['serial', certificate.serial],
  ['status', certificate.status],
  ['revoked', certificate.revocation === undefined ? undefined : `${showTime(certificate.revocation.at)}, ${certificate.revocation.reason}`],
  ['authority', certificate.authority],
  ['profile', certificate.profile],
  ['requester', certificate.requester === undefined ? undefined : `${certificate.requester.kind} ${certificate.requester.name}`],
  ['names', certificate.names.join(', ')],
  ['begins', showTime(certificate.notBefore)],
  ['ends', showTimeFrom(now, certificate.notAfter)],
], paint);
