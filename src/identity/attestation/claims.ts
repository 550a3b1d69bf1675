import { sha256 } from '../../digest.ts';
import type { Json, ObjectChange, ObjectStore } from '../../store/objects.ts';
import type { AttestationKind } from './attestor.ts';

/** A node that has attested once, and the key it did so for. No other proof of it is accepted until an operator releases the claim, or it expires. */
export interface Claim {
  /** Derived from kind and name. */
  readonly id: string;
  readonly kind: AttestationKind;
  readonly name: string;
  readonly keyHash: string;
  /** Milliseconds since the epoch. */
  readonly claimedAt: number;
  /** The token that it earned, and when that expires. */
  readonly tokenId: string;
  readonly tokenExpires: number;
  /** Whether the token was stored: if it is gone after that, an operator has revoked it. */
  readonly tokenMade: boolean;
}

export interface Held {
  readonly claim: Claim;
  readonly version: number;
  readonly expires: number;
}

const KIND = 'attestation-claim';
const INDEX = 'attestation-claims';

export const claimId = (kind: AttestationKind, name: string): string => sha256(`${kind}\n${name}`).slice(0, 32);

const held = (object: { readonly value: Json; readonly version: number; readonly expires: number }): Held =>
  ({ claim: object.value as unknown as Claim, version: object.version, expires: object.expires });

export async function readClaim(objects: Pick<ObjectStore, 'get'>, id: string): Promise<Held | undefined> {
  const object = await objects.get(KIND, id);
  return object === undefined ? undefined : held(object);
}

/** Newest first. */
export async function listClaims(objects: Pick<ObjectStore, 'list'>, page: { readonly limit: number; readonly cursor?: string }): Promise<{ readonly items: readonly Held[]; readonly next?: string }> {
  const { items, next } = await objects.list(INDEX, page, { newestFirst: true });
  return { items: items.map(held), ...(next === undefined ? {} : { next }) };
}

/** The change that creates the claim, replacing the version expected, or none (0). */
export const makeClaim = (claim: Claim, expires: number, expected: number): ObjectChange =>
  ({ kind: KIND, id: claim.id, expected, put: { value: claim as unknown as Json, expires, indexes: [{ index: INDEX, order: claim.claimedAt }] } });

export const dropClaim = ({ claim: { id }, version }: Held): ObjectChange => ({ kind: KIND, id, expected: version, put: undefined });

export const isClaim = (of: { readonly kind: string }): boolean => of.kind === KIND;
