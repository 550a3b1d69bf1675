import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { under } from '../../client/address.ts';
import { exchange } from '../../client/exchange.ts';
import { Failure } from '../../client/failure.ts';
import { ProblemFailure, toProblem } from '../../client/problem.ts';
import type { EarnedToken } from '../enroll.ts';
import { metadataAt } from './metadata.ts';
import { type AttestKind, PROOFS } from './proofs.ts';

export interface AttestOptions {
  readonly url: URL;
  readonly kind: AttestKind;
  /** The file with the service's root certificate, PEM. */
  readonly ca: string;
  /** The files of the certificate (with its chain, or of an SSH host) and of its key, for the kinds of proof that use one. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** A file with a proof made elsewhere: JSON as the API accepts it. */
  readonly document: string | undefined;
  /** The address of the metadata service; that of the cloud providers if absent. */
  readonly metadata?: URL;
}

interface ChallengeReply {
  readonly challenge: string;
  readonly proofs: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Earns an enrolment token by attesting the node: a challenge bound to the CSR's key, a proof that answers it, then the token.
 * Throws Failure; ProblemFailure if the service refuses.
 */
export function attested(options: AttestOptions): EarnedToken {
  const { url, kind } = options;
  return {
    rootDigest: rootDigestOf(options.ca),
    earn: async (root, csr) => {
      const identity = kind === 'x509' ? { cert: textOf(options.certificate, '--attest-cert'), key: textOf(options.key, '--attest-key') } : {};
      const agent = new Agent({ ca: root, keepAlive: false, ...identity });
      try {
        const { challenge, proofs } = await post<ChallengeReply>(url, agent, '/v1/attestations/challenges', { csr });
        const demands = proofs[kind];
        if (demands === undefined) throw new Failure('refused', `${url.origin} accepts no proof of kind ${kind}`, { advice: `expected ${Object.keys(proofs).join(', ')}` });
        const proof = await proofOf(options, demands);
        return (await post<{ readonly token: string }>(url, agent, '/v1/attestations', { challenge, [kind]: proof })).token;
      } finally {
        agent.destroy();
      }
    },
  };
}

async function proofOf({ kind, certificate, key, document, metadata }: AttestOptions, demands: Readonly<Record<string, string>>): Promise<object> {
  if (document !== undefined) {
    try {
      return JSON.parse(textOf(document, '--attest-document')) as object;
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new Failure('file', `${document} is not JSON`, { cause, advice: 'expected the members of the proof, such as {"document": "…", "signature": "…"}' });
    }
  }
  return PROOFS[kind]({ demands, key, metadata: metadataAt(metadata), certificate: certificate === undefined ? undefined : textOf(certificate, '--attest-cert') });
}

async function post<T>(base: URL, agent: Agent, path: string, body: object): Promise<T> {
  const url = under(base, path);
  const reply = await exchange({ method: 'POST', url, agent, headers: { accept: 'application/json, application/problem+json', 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const read = parsed(reply.body);
  if (reply.status !== 201) throw new ProblemFailure(toProblem(reply.status, read));
  if (typeof read !== 'object' || read === null) throw new Failure('bad-reply', `the reply of ${url.origin} is not JSON`);
  return read as T;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

export function rootDigestOf(file: string): string {
  try {
    return createHash('sha256').update(new X509Certificate(textOf(file, '--ca')).raw).digest('hex');
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('file', `${file} holds no certificate`, { cause, advice: 'expected the root certificate of the service, PEM' });
  }
}

function textOf(file: string | undefined, option: string): string {
  if (file === undefined) throw new Failure('usage', `${option} is missing`, { advice: 'see chancery enroll --help' });
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure('file', `${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, { cause });
  }
}
