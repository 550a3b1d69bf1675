import { execFile } from 'node:child_process';
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Failure } from '../../client/failure.ts';
import type { Metadata } from './metadata.ts';

export const ATTEST_KINDS = ['x509', 'x509pop', 'aws', 'gcp', 'azure', 'ssh'] as const;
export type AttestKind = (typeof ATTEST_KINDS)[number];

/** The inputs of a proof: the challenge, the files given, and the metadata service. */
export interface Making {
  readonly demands: Readonly<Record<string, string>>;
  /** A certificate with its chain, PEM, or for ssh the line of a host certificate. */
  readonly certificate: string | undefined;
  /** The file of its key. */
  readonly key: string | undefined;
  readonly metadata: Metadata;
}

type Proof = Readonly<Record<string, string>>;

/** The lifetime requested for an IMDSv2 session, in seconds. */
const IMDS_SESSION = '60';
const AZURE_VERSION = '2020-09-01';
const HOST_KEY = '/etc/ssh/ssh_host_ed25519_key';

/** How each kind of proof is made. */
export const PROOFS: Readonly<Record<AttestKind, (making: Making) => Promise<Proof>>> = {
  x509: async ({ certificate }) => ({ chain: given(certificate, '--attest-cert') }),
  x509pop: async ({ demands, certificate, key }) => ({ chain: given(certificate, '--attest-cert'), signature: signed(demanded(demands, 'message'), given(key, '--attest-key')) }),
  aws: async ({ metadata }) => {
    // IMDSv2 hands out the session token in response to a PUT, which a forged GET request cannot make.
    const token = await metadata({ method: 'PUT', path: '/latest/api/token', headers: { 'X-aws-ec2-metadata-token-ttl-seconds': IMDS_SESSION } });
    const read = (path: string): Promise<string> => metadata({ path: `/latest/dynamic/instance-identity/${path}`, headers: { 'X-aws-ec2-metadata-token': token } });
    return { document: await read('document'), rsa2048: await read('rsa2048') };
  },
  gcp: async ({ demands, metadata }) => {
    const query = new URLSearchParams({ audience: demanded(demands, 'audience'), format: 'full' });
    return { token: (await metadata({ path: `/computeMetadata/v1/instance/service-accounts/default/identity?${query}`, headers: { 'Metadata-Flavor': 'Google' } })).trim() };
  },
  azure: async ({ demands, metadata }) => {
    const query = new URLSearchParams({ 'api-version': AZURE_VERSION, nonce: demanded(demands, 'nonce') });
    return { signature: signatureIn(await metadata({ path: `/metadata/attested/document?${query}`, headers: { Metadata: 'true' } })) };
  },
  ssh: async ({ demands, certificate, key = HOST_KEY }) => ({
    signature: await sshSigned(demanded(demands, 'message'), demanded(demands, 'namespace'), key),
    ...(certificate === undefined ? {} : { certificate: certificate.trim() }),
  }),
};

function given(value: string | undefined, option: string): string {
  if (value === undefined) throw new Failure('usage', `${option} is missing`, { advice: 'a proof by certificate needs --attest-cert and --attest-key' });
  return value;
}

function demanded(demands: Making['demands'], name: string): string {
  const value = demands[name];
  if (value === undefined) throw new Failure('bad-reply', `the service does not say which ${name} the proof must have`, { advice: 'is this kind of proof configured there?' });
  return value;
}

function signed(message: string, file: string): string {
  const key = createPrivateKey(readFileSync(file));
  return sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(message), key).toString('base64');
}

/** Signs with ssh-keygen, which reads every format of private key, and supports agents. */
const sshSigned = (message: string, namespace: string, key: string): Promise<string> => new Promise((resolve, reject) => {
  const child = execFile('ssh-keygen', ['-Y', 'sign', '-q', '-f', key, '-n', namespace], { timeout: 30_000 }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Failure('file', `ssh-keygen cannot sign with ${key}: ${stderr.trim().split('\n')[0] ?? error.message}`, {
      cause: error, advice: 'only root can read host keys; another key can be given with --attest-key',
    }));
  });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(message);
});

function signatureIn(text: string): string {
  try {
    const { signature } = JSON.parse(text) as { signature?: unknown };
    if (typeof signature === 'string') return signature;
  } catch {
    // The error is reported when the process exits.
  }
  throw new Failure('bad-reply', 'the metadata service did not answer with attested data');
}
