import { Refused } from '../../errors.ts';
import type { Attributes } from '../rules/template.ts';
import type { Challenge } from './challenge.ts';

/** Ways in which a node proves what it is, without a secret that somebody gave it. */
export const ATTESTATION_KINDS = ['x509', 'x509pop', 'aws', 'gcp', 'azure', 'ssh'] as const;
export type AttestationKind = (typeof ATTESTATION_KINDS)[number];

/** Text members of a proof; which ones, each kind's schema says. Long ones were bounded before they came here. */
export type Proof = Readonly<Record<string, string | undefined>>;

export interface Evidence {
  readonly proof: Proof;
  readonly challenge: Challenge;
  /** Certificates that the caller presented in TLS, its own first, DER; empty where there was none. */
  readonly presented: readonly Uint8Array[];
  /** Seconds since the epoch. */
  readonly now: number;
}

/** A node whose proof is good. Nothing is allowed to it yet. */
export interface Attested {
  /** Stable, and unique within the kind: an instance's id, a certificate's digest. */
  readonly name: string;
  /** What rules match, and templates are filled from. */
  readonly attributes: Attributes;
  /** How it was proved, in words. */
  readonly proof: string;
}

/**
 * One way to prove what a node is. Who implements it promises: `attest` resolves only for a proof that whoever the attributes describe has
 * made, or was given; it calls nobody that the proof names; its work is bounded, whatever the proof says.
 */
export interface Attestor {
  readonly kind: AttestationKind;
  /** What a proof for this challenge has to contain, by name: given out with the challenge, so that a shell script can make a proof. */
  readonly demands: (challenge: Challenge) => Readonly<Record<string, string>>;
  /** @throws Refused `unauthenticated`, saying what is wrong; `unavailable` */
  readonly attest: (evidence: Evidence) => Promise<Attested> | Attested;
}

/** The refusal of a proof. `detail` is for whoever made it. */
export const unproved = (kind: AttestationKind, detail: string, cause?: unknown): Refused =>
  new Refused('unauthenticated', `The ${kind} proof is refused: ${detail}`, { cause, faults: [{ code: 'attestation-proof', detail, at: `/${kind}` }] });

/** A member that the proof must have. @throws Refused */
export function needed(kind: AttestationKind, proof: Proof, member: string): string {
  const text = proof[member];
  if (text === undefined) throw unproved(kind, `it lacks "${member}"`);
  return text;
}

/** Attributes from what may be absent: texts and lists of them. */
export function attributesOf(values: Readonly<Record<string, string | readonly string[] | undefined>>): Attributes {
  return new Map(Object.entries(values).flatMap(([name, value]) => (value === undefined || value.length === 0 ? [] : [[name, typeof value === 'string' ? [value] : value] as const])));
}

/** What a key signs for a challenge: it says what it is for, so that no other protocol's signature can be passed off as this one. */
export const messageOf = (kind: AttestationKind, { text }: Challenge): string => `chancery-attestation-v1:${kind}:${text}`;
