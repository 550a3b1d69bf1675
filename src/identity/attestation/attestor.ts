import { Refused } from '../../errors.ts';
import type { Attributes } from '../rules/template.ts';
import type { Challenge } from './challenge.ts';

/** Ways for a node to prove what it is without having been given a secret. */
export const ATTESTATION_KINDS = ['x509', 'x509pop', 'aws', 'gcp', 'azure', 'ssh'] as const;
export type AttestationKind = (typeof ATTESTATION_KINDS)[number];

/** Text members of a proof, as defined by the schema of its kind, which has also bounded their length. */
export type Proof = Readonly<Record<string, string | undefined>>;

export interface Evidence {
  readonly proof: Proof;
  readonly challenge: Challenge;
  /** Certificates that the caller presented in TLS, leaf first, DER; empty if none. */
  readonly presented: readonly Uint8Array[];
  /** Seconds since the epoch. */
  readonly now: number;
}

/** A node with a valid proof. Nothing is granted to it yet. */
export interface Attested {
  /** Stable, and unique within its kind: an instance id, a certificate's digest. */
  readonly name: string;
  /** Values that rules match, and that templates are filled from. */
  readonly attributes: Attributes;
  /** How it was proved, in words. */
  readonly proof: string;
}

/**
 * One kind of proof. Obligations of implementations: `attest` resolves only for a proof that was made by, or given to, whoever the attributes
 * describe; it contacts no address named in the proof; its work is bounded, whatever the proof contains.
 */
export interface Attestor {
  readonly kind: AttestationKind;
  /** What a proof for this challenge must contain, by name: sent with the challenge, so that a shell script can create a proof. */
  readonly demands: (challenge: Challenge) => Readonly<Record<string, string>>;
  /** @throws Refused `unauthenticated`, saying what is wrong; `unavailable` */
  readonly attest: (evidence: Evidence) => Promise<Attested> | Attested;
}

/** The refusal of a proof. `detail` is shown to its sender. */
export const unproved = (kind: AttestationKind, detail: string, cause?: unknown): Refused =>
  new Refused('unauthenticated', `The ${kind} proof is refused: ${detail}`, { cause, faults: [{ code: 'attestation-proof', detail, at: `/${kind}` }] });

/** A required member of the proof. @throws Refused */
export function needed(kind: AttestationKind, proof: Proof, member: string): string {
  const text = proof[member];
  if (text === undefined) throw unproved(kind, `it lacks "${member}"`);
  return text;
}

/** Attributes from texts and lists of texts, omitting absent ones. */
export function attributesOf(values: Readonly<Record<string, string | readonly string[] | undefined>>): Attributes {
  return new Map(Object.entries(values).flatMap(([name, value]) => (value === undefined || value.length === 0 ? [] : [[name, typeof value === 'string' ? [value] : value] as const])));
}

/** The text signed for a challenge. It states its purpose, so that no other protocol's signature can be passed off as one. */
export const messageOf = (kind: AttestationKind, { text }: Challenge): string => `chancery-attestation-v1:${kind}:${text}`;
