import { type Static, Type } from 'typebox';
import { Refused } from '../../errors.ts';
import { sha256 } from '../../digest.ts';
import { admit, type AttestationContext } from '../../identity/attestation/admit.ts';
import { ATTESTATION_KINDS, type AttestationKind, type Proof } from '../../identity/attestation/attestor.ts';
import { type Claim, type Held, listClaims } from '../../identity/attestation/claims.ts';
import { release } from '../../identity/attestation/release.ts';
import { parseCertificationRequest } from '../../x509/csr.ts';
import { X509Error } from '../../x509/errors.ts';
import type { App } from '../app.ts';
import type { Authentication } from '../authentication.ts';
import { peerChain } from '../peer-chain.ts';
import { csrBytes } from './csr-body.ts';
import { millisecondsToIso } from './request-view.ts';
import { bearer, closed, IdParameter, nobody, pageOf, pageQuery, PageView, problems, Time } from './schemas.ts';

export interface AttestationRoutes {
  readonly attestation: AttestationContext;
  readonly authentication: Authentication;
}

const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, description });
const Chain = (description: string) => text(49_152, description);

const ChallengeBody = Type.Object({ csr: Type.String({ minLength: 1, description: 'The CSR, PEM or base64 of DER, whose key is to be certified' }) }, closed);

const AttestationBody = Type.Object({
  challenge: text(128, 'As it was given out; good once'),
  x509: Type.Optional(Type.Object({
    chain: Type.Optional(Chain('Certificates between the one presented in TLS and the trust anchor, PEM, where TLS does not carry them')),
  }, { ...closed, description: 'The client certificate of the connection, of another CA' })),
  x509pop: Type.Optional(Type.Object({
    chain: Chain('The certificate of another CA and those between it and the trust anchor, PEM'),
    signature: text(4096, 'Base64: its key\'s signature over the message of the challenge, by SHA-256 with ECDSA or RSA (PKCS #1), or by Ed25519'),
  }, closed)),
  aws: Type.Optional(Type.Object({
    document: text(16_384, 'The instance identity document, as it is'),
    signature: Type.Optional(text(4096, 'Its RSA signature, base64')),
    rsa2048: Type.Optional(text(32_768, 'Its PKCS#7 signature, base64')),
  }, { ...closed, description: 'An instance of AWS EC2, with one of the signatures' })),
  gcp: Type.Optional(Type.Object({ token: text(12_288, 'The instance identity token, made in format `full` for the audience of the challenge') }, closed)),
  azure: Type.Optional(Type.Object({ signature: text(49_152, 'The attested data, base64, made with the nonce of the challenge') }, closed)),
  ssh: Type.Optional(Type.Object({
    signature: text(8192, 'What `ssh-keygen -Y sign` writes over the message of the challenge'),
    certificate: Type.Optional(text(16_384, 'The host certificate, a line of a -cert.pub file')),
  }, closed)),
}, { ...closed, minProperties: 2, maxProperties: 2 });

const ChallengeView = Type.Object({
  challenge: Type.String(),
  expiresAt: Time,
  proofs: Type.Record(Type.String(), Type.Record(Type.String(), Type.String()), {
    description: 'For each kind that is accepted, what a proof for this challenge must contain: message, namespace, nonce, audience',
  }),
}, closed);

const AttestationView = Type.Object({
  token: Type.String({ description: 'An enrolment token for one certificate of the CSR\'s key' }),
  identity: Type.String({ description: 'The requester of the resulting requests' }),
  profile: Type.String(),
  names: Type.Array(Type.String()),
  maxValidity: Type.Optional(Type.Integer({ description: 'Seconds' })),
  expiresAt: Time,
}, closed);

/** A node that may attest only once, and has done so. */
export const AttestedNodeView = Type.Object({
  id: Type.String(),
  kind: Type.String(),
  name: Type.String(),
  keyHash: Type.String({ description: 'SHA-256 of the SubjectPublicKeyInfo it was for' }),
  claimedAt: Time,
  expiresAt: Type.Optional(Time),
  token: Type.String({ description: 'Id of the token given for it' }),
}, { ...closed, $id: 'AttestedNode' });

/** `/v1/attestations`: nodes prove what they are, and receive an enrolment token. */
export function attestationRoutes(app: App, { attestation, authentication }: AttestationRoutes): void {
  app.addSchema(AttestedNodeView);
  const json = (description: string, schema: object) => ({ description, content: { 'application/json': { schema } } });

  app.post('/v1/attestations/challenges', {
    schema: {
      operationId: 'createAttestationChallenge', summary: 'Start proving what a node is', description: 'A challenge for the key of the CSR, good once, with what proofs for it must contain',
      tags: ['attestation'], security: nobody, body: ChallengeBody, response: { 201: json('The challenge', ChallengeView), ...problems(400) },
    },
  }, async (request, reply) => {
    const { csr } = request.body as Static<typeof ChallengeBody>;
    const challenge = await authentication.attempt(request, () => Promise.resolve(attestation.challenges.issue(keyHashOf(csr))));
    const proofs = Object.fromEntries([...attestation.ways].map(([kind, { attestor }]) => [kind, attestor.demands(challenge)]));
    return reply.code(201).header('cache-control', 'no-store').send({ challenge: challenge.text, expiresAt: millisecondsToIso(challenge.expires), proofs });
  });

  app.post('/v1/attestations', {
    schema: {
      operationId: 'createAttestation', summary: 'Prove what a node is',
      description: 'One kind of proof, with the challenge. A valid one yields an enrolment token, with which to request the certificate as with any other',
      tags: ['attestation'], security: nobody, body: AttestationBody, response: { 201: json('The token', AttestationView), ...problems(400, 401, 403) },
    },
  }, async (request, reply) => {
    const { challenge, ...proofs } = request.body as Static<typeof AttestationBody>;
    const kind = ATTESTATION_KINDS.find((candidate) => proofs[candidate] !== undefined);
    if (kind === undefined) throw new Refused('body-invalid', `The body is invalid: expected one of ${ATTESTATION_KINDS.join(', ')} in addition to the challenge.`);
    const proof: Proof = { ...proofs[kind] };
    const { token, record } = await authentication.attempt(request, () => admit(attestation, { kind, challenge, proof, presented: peerChain(request) }));
    const { profile, names, maxValidity, expiresAt, attested } = record;
    return reply.code(201).header('cache-control', 'no-store').send({
      token, identity: attested?.name ?? '', profile, names, ...(maxValidity === undefined ? {} : { maxValidity }), expiresAt: millisecondsToIso(expiresAt),
    });
  });

  app.get('/v1/attestations', {
    schema: {
      operationId: 'listAttestations', summary: 'Nodes that proved themselves, of those that may do so only once', tags: ['attestation'], security: bearer,
      querystring: Type.Object(pageQuery, closed), response: { 200: PageView('AttestedNode#'), ...problems(400, 401, 403) },
    },
  }, async (request) => {
    await authentication.operator(request, 'read');
    const { items, next } = await listClaims(attestation.objects, pageOf(request.query as { limit?: string; cursor?: string }));
    return { items: items.map(claimView), ...(next === undefined ? {} : { next }) };
  });

  app.delete('/v1/attestations/:id', {
    schema: {
      operationId: 'releaseAttestation', summary: 'Let a node prove itself again', description: 'The token it was given is revoked; its certificates stay valid',
      tags: ['attestation'], security: bearer, params: IdParameter,
      response: { 200: json('The node', { $ref: 'AttestedNode#' }), ...problems(401, 403, 404) },
    },
  }, async (request) => {
    const operator = await authentication.operator(request, 'token');
    return nodeView(await release(attestation, (request.params as { id: string }).id, operator));
  });
}

/** @throws Refused `csr-malformed` */
function keyHashOf(csr: string): string {
  try {
    return sha256(parseCertificationRequest(csrBytes(csr)).publicKey.der);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new Refused('csr-malformed', `The CSR is refused: ${error.detail}`, { cause: error, faults: [{ code: error.code, detail: error.detail, at: '/csr' }] });
  }
}

const nodeView = ({ id, kind, name, keyHash, claimedAt, tokenId }: Claim): { readonly kind: AttestationKind } & Readonly<Record<string, unknown>> =>
  ({ id, kind, name, keyHash, claimedAt: millisecondsToIso(claimedAt), token: tokenId });
const claimView = ({ claim, expires }: Held): object => ({ ...nodeView(claim), expiresAt: millisecondsToIso(expires) });
