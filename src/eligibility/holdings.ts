import { Refused } from '../errors.ts';
import { type Identity, requesterKey } from '../identity/identity.ts';
import { textToName } from '../x509/general-name.ts';
import { X509Error } from '../x509/errors.ts';
import type { Json, ObjectStore, StoredObject } from '../store/objects.ts';
import type { RequestStore } from '../store/store.ts';
import { type Holding, holdingKey, type HoldingKind, holdingOf, standingBy } from './ownership.ts';

export interface HoldingContext {
  readonly objects: Pick<ObjectStore, 'getAll' | 'write'>;
  readonly requests: Pick<RequestStore, 'get'>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** A name in text form, or the digest of a key (SHA-256 of its SubjectPublicKeyInfo, hex). */
export type HeldThing = { readonly name: string } | { readonly key: string };

/** Who owns something, with the certificates that are still valid; empty if no one does. */
export interface Held {
  readonly owner?: string;
  readonly by: Holding['by'];
}

const MOST_TRIES = 10;

/** Looks up the owner of a name or key. @throws Refused `query-invalid` */
export async function heldNow(context: HoldingContext, thing: HeldThing): Promise<Held> {
  const found = await firstOf(context, thing);
  const holding = holdingOf(found[0]);
  if (holding === undefined) return { by: [] };
  const standing: Holding['by'][number][] = [];
  for (const one of holding.by) if (await standingBy(context.requests, { ...holding, by: [one] }, context.clock()) !== undefined) standing.push(one);
  return standing.length === 0 ? { by: [] } : { owner: holding.owner, by: standing };
}

/**
 * Releases a name or key as an operator, so that the next requester may have it. Existing certificates remain valid; their owner acquires it
 * again with the next certificate, unless someone else has by then.
 * @throws Refused `query-invalid`, `not-found`
 */
export async function releaseHolding(context: HoldingContext, thing: HeldThing, { operator, reason }: { readonly operator: Identity; readonly reason: string }): Promise<Held> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const [object] = await firstOf(context, thing);
    const holding = holdingOf(object);
    if (object === undefined || holding === undefined || holding.by.length === 0) throw new Refused('not-found', `Nobody holds ${JSON.stringify(wordOf(thing))}.`);
    const value = { ...holding, by: [] } satisfies Holding as unknown as Json;
    const audit = { time: context.clock(), event: 'holding.released', actor: requesterKey(operator), subject: wordOf(thing), details: { owner: holding.owner, reason } } as const;
    const outcome = await context.objects.write([{ kind: object.kind, id: object.id, expected: object.version, put: { value, expires: object.expires, indexes: [] } }], [audit]);
    if (outcome.outcome === 'stored') return holding;
  }
  throw new Refused('unavailable', 'Its owner is being changed at the moment; try again.', { retryAfter: 1 });
}

const firstOf = ({ objects }: HoldingContext, thing: HeldThing): Promise<readonly (StoredObject | undefined)[]> => objects.getAll([keyOf(thing)]);

const wordOf = (thing: HeldThing): string => ('name' in thing ? thing.name : thing.key);

function keyOf(thing: HeldThing): ReturnType<typeof holdingKey> {
  if ('key' in thing) return holdingKey('key' satisfies HoldingKind, thing.key.toLowerCase());
  try {
    const { kind, value } = textToName(thing.name);
    return holdingKey('name', `${kind}:${value}`);
  } catch (error) {
    // A common name that is not a host name is looked up as free text.
    if (!(error instanceof X509Error)) throw error;
    return holdingKey('name', `text:${thing.name}`);
  }
}
