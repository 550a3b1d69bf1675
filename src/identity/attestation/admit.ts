import type { AuditDraft } from '../../audit/entry.ts';
import { Refused } from '../../errors.ts';
import type { ObjectStore } from '../../store/objects.ts';
import type { TokenRecord, TokenStore } from '../../store/store.ts';
import { type Credential, derivedCredential, newCredential, type RandomBytes, secretHash } from '../credential.ts';
import { formatEnrolmentToken } from '../enrolment-token.ts';
import { decide, type Rule } from '../rules/rule.ts';
import type { AttestationKind, Attested, Attestor, Proof } from './attestor.ts';
import { type Challenge, type Challenges, challengeUsed } from './challenge.ts';
import { type Claim, claimId, isClaim, makeClaim, readClaim } from './claims.ts';

/** A kind of proof that is accepted here. */
export interface Way {
  readonly attestor: Attestor;
  readonly rules: readonly Rule[];
  /** Whether each node may attest only once: for proofs that others may have seen. */
  readonly once: boolean;
}

export interface AttestationContext {
  readonly ways: ReadonlyMap<AttestationKind, Way>;
  readonly challenges: Challenges;
  readonly objects: Pick<ObjectStore, 'get' | 'write' | 'list'>;
  readonly tokens: Pick<TokenStore, 'create' | 'get' | 'revoke'>;
  readonly rootDigest: string;
  readonly random: RandomBytes;
  readonly master: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds for which the token is valid, and for which a node that may attest only once is remembered. */
  readonly tokenLifetime: number;
  readonly claimLifetime: number;
  /** Called with the outcome of each proof. */
  readonly counted: (kind: AttestationKind, outcome: 'accepted' | 'refused' | 'unproved') => void;
}

export interface Question {
  readonly kind: AttestationKind;
  readonly challenge: string;
  readonly proof: Proof;
  /** Certificates of the caller's TLS connection, leaf first, DER. */
  readonly presented: readonly Uint8Array[];
}

/** What a valid proof earns: a token with a single use, for the challenge's key only. */
export interface Admission {
  readonly token: string;
  readonly record: TokenRecord;
}

/** Attempts while others claim the same node. A winner does not return, so of this many at once, all but one learn that it is claimed. */
const ATTEMPTS = 20;

/**
 * Exchanges a node's proof for an enrolment token. The proof is verified and the rules are applied; then, in one write, the challenge is used up
 * and a node that may attest only once is claimed. While the token is valid, the same node with the same key receives the same token again, so
 * that a lost response does no harm.
 * @throws Refused `unauthenticated` if the proof is invalid; `forbidden` if it is valid but nothing is granted; `unavailable`
 */
export async function admit(context: AttestationContext, question: Question): Promise<Admission> {
  const { kind } = question;
  const way = context.ways.get(kind);
  if (way === undefined) throw new Refused('unauthenticated', `Proofs of kind ${kind} are not accepted here; expected ${[...context.ways.keys()].join(', ')}.`);
  const challenge = context.challenges.read(question.challenge);
  const attested = await proved(context, way, question, challenge);
  const decision = decide(way.rules, attested.attributes);
  if (!decision.allowed) throw await refused(context, kind, attested, challenge, decision.reason);
  const now = context.clock();
  const allowed: Allowed = { challenge, attested, kind, rule: decision.rule, grant: decision.grant };
  const claim = way.once ? await claimed(context, allowed, now) : await usedUp(context, challenge);
  const made = await create(context, allowed, claim, now);
  if (claim?.tokenMade === false) await markMade(context, claim);
  context.counted(kind, 'accepted');
  return made;
}

interface Allowed {
  readonly challenge: Challenge;
  readonly attested: Attested;
  readonly kind: AttestationKind;
  readonly rule: number;
  readonly grant: Extract<ReturnType<typeof decide>, { readonly allowed: true }>['grant'];
}

async function proved({ clock, counted }: AttestationContext, { attestor }: Way, { kind, proof, presented }: Question, challenge: Challenge): Promise<Attested> {
  try {
    return await attestor.attest({ proof, challenge, presented, now: Math.floor(clock() / 1000) });
  } catch (error) {
    if (error instanceof Refused && error.code === 'unauthenticated') counted(kind, 'unproved');
    throw error;
  }
}

/** Records in the audit log that an identified node was granted nothing. Its challenge is used up as well. */
async function refused(context: AttestationContext, kind: AttestationKind, { name, proof }: Attested, challenge: Challenge, reason: string): Promise<Refused> {
  const draft: AuditDraft = { time: context.clock(), event: 'attestation.refused', actor: actorOf(kind, name), subject: `${kind}/${name}`, details: { proof, reason } };
  const written = await context.objects.write([context.challenges.use(challenge)], [draft]);
  if (written.outcome === 'conflict') return challengeUsed();
  context.counted(kind, 'refused');
  return new Refused('forbidden', `${proof}: ${reason}.`, { faults: [{ code: 'attestation-refused', detail: reason }] });
}

async function usedUp({ objects, challenges }: AttestationContext, challenge: Challenge): Promise<undefined> {
  if ((await objects.write([challenges.use(challenge)], [])).outcome === 'conflict') throw challengeUsed();
}

/** The node's claim for this key: either created now, while using up the challenge, or created before and still valid for a token. */
async function claimed(context: AttestationContext, { challenge, attested, kind }: Allowed, now: number): Promise<Claim> {
  const { objects, tokens, challenges, tokenLifetime, claimLifetime } = context;
  const id = claimId(kind, attested.name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await readClaim(objects, id);
    if (before !== undefined && before.expires > now) {
      const { keyHash, claimedAt, tokenId, tokenExpires, tokenMade } = before.claim;
      const own = keyHash === challenge.keyHash;
      const no = (why: string): Promise<Refused> => refused(context, kind, attested, challenge, `it was claimed at ${new Date(claimedAt).toISOString()}${why}; an operator may release ${id}`);
      if (!own && !(await isTakenBack(tokens, before.claim, now))) throw await no(' by another key');
      if (own && tokenExpires <= now) throw await no(', and the token that it earned has expired');
      const token = own && tokenMade ? await tokens.get(tokenId) : undefined;
      if (own && tokenMade && (token === undefined || token.revokedAt !== undefined)) throw await no(', and the token that it earned was revoked');
      if (own) {
        await usedUp(context, challenge);
        return before.claim;
      }
    }
    const plain = { id, kind, name: attested.name, keyHash: challenge.keyHash, claimedAt: now, tokenExpires: now + tokenLifetime, tokenMade: false };
    const claim: Claim = { ...plain, tokenId: credentialFor(context, plain).id };
    const written = await objects.write([challenges.use(challenge), makeClaim(claim, now + Math.max(claimLifetime, tokenLifetime), before?.version ?? 0)], []);
    if (written.outcome === 'stored') return claim;
    // A faster claim of the same node will be found in the next round.
    if (!isClaim(written.of)) throw challengeUsed();
  }
  throw new Refused('unavailable', 'Others are claiming the same node at the moment; try again.', { retryAfter: 1 });
}

/** Records that the claim's token was stored. If this is lost, the token can still be requested again. */
async function markMade({ objects }: AttestationContext, { id, tokenId }: Claim): Promise<void> {
  const held = await readClaim(objects, id);
  if (held?.claim.tokenId === tokenId) await objects.write([makeClaim({ ...held.claim, tokenMade: true }, held.expires, held.version)], []);
}

/**
 * Revokes a token that has not been used, so that a node whose first attempt was cut short can start over with another key. A used token is
 * left alone, so that no one who has seen the proof can take it from the node.
 */
async function isTakenBack(tokens: AttestationContext['tokens'], { tokenId }: Claim, now: number): Promise<boolean> {
  if ((await tokens.get(tokenId))?.used !== 0) return false;
  return (await tokens.revoke(tokenId, now, []))?.used === 0;
}

/** Always the same for the same claim, so that the store need not keep it. */
const credentialFor = ({ master }: AttestationContext, { kind, name, keyHash, claimedAt }: Omit<Claim, 'tokenId'>): Credential =>
  derivedCredential(master, `attestation/${JSON.stringify([kind, name, keyHash, claimedAt])}`);

async function create(context: AttestationContext, { challenge, attested, kind, rule, grant }: Allowed, claim: Claim | undefined, now: number): Promise<Admission> {
  const { tokens, random, rootDigest, tokenLifetime } = context;
  const credential = claim === undefined ? newCredential(random) : credentialFor(context, claim);
  const expiresAt = claim?.tokenExpires ?? now + tokenLifetime;
  const [profile = ''] = grant.profiles === 'any' ? [] : grant.profiles;
  const actor = actorOf(kind, attested.name);
  const record: TokenRecord = {
    id: credential.id, secretHash: secretHash(credential.secret), profile, names: grant.names === 'any' ? [] : grant.names, uses: 1, used: 0,
    createdAt: claim?.claimedAt ?? now, expiresAt, createdBy: actor, note: attested.proof.slice(0, 256),
    attested: { name: `${kind}/${attested.name}`, proof: attested.proof, keyHash: challenge.keyHash },
    ...(grant.maxValidity === undefined ? {} : { maxValidity: grant.maxValidity }),
  };
  const once = claim === undefined ? undefined : { key: `attestation/${credential.id}`, fingerprint: credential.id, expires: Math.ceil(expiresAt / 1000), livesWithRequest: false };
  const details = { proof: attested.proof, rule, profile, names: record.names, keyHash: challenge.keyHash, token: record.id };
  const stored = await tokens.create(record, once, [{ time: now, event: 'attestation.accepted', actor, subject: `${kind}/${attested.name}`, details }], now);
  return { token: formatEnrolmentToken(rootDigest, credential), record: stored.outcome === 'exists' ? stored.token : record };
}

const actorOf = (kind: AttestationKind, name: string): string => `attestation:${kind}/${name}`;
