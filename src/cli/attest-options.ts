import { type Command, Option } from 'commander';
import { attested } from '../agent/attest/earn-token.ts';
import { ATTEST_KINDS, type AttestKind } from '../agent/attest/proofs.ts';
import type { EarnedToken } from '../agent/enroll.ts';
import { Failure } from '../client/failure.ts';

/** The options of `enroll` for attestation instead of a token. */
export interface AttestArguments {
  readonly attest?: AttestKind;
  readonly ca?: string;
  readonly attestCert?: string;
  readonly attestKey?: string;
  readonly attestDocument?: string;
}

export const addAttestOptions = (command: Command): Command => command
  .addOption(new Option('--attest <kind>', 'instead of a token: prove what this machine is').choices(ATTEST_KINDS))
  .option('--ca <file>', 'with --attest or an OpenID Connect token: the service\'s root certificate, which an enrolment token would name')
  .option('--attest-cert <file>', 'for x509, x509pop: the machine\'s certificate of another CA, with the chain; for ssh: its host certificate, if it has one')
  .option('--attest-key <file>', 'the key of that certificate; for ssh: the host key (default: /etc/ssh/ssh_host_ed25519_key)')
  .option('--attest-document <file>', 'for aws, gcp, azure: a proof as JSON, instead of asking the metadata service');

/** How the token is earned; undefined if one was given. */
export function attestedToken(url: URL, { attest, ca, attestCert, attestKey, attestDocument }: AttestArguments): EarnedToken | undefined {
  if (attest === undefined) {
    const given = Object.entries({ '--attest-cert': attestCert, '--attest-key': attestKey, '--attest-document': attestDocument }).find(([, value]) => value !== undefined);
    if (given !== undefined) throw new Failure('usage', `${given[0]} goes with --attest`);
    return undefined;
  }
  if (ca === undefined) throw new Failure('usage', '--ca is missing', { advice: 'with --attest, the root certificate of the service says which one is trusted: its root.pem' });
  return attested({ url, kind: attest, ca, certificate: attestCert, key: attestKey, document: attestDocument });
}
