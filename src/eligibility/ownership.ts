import type { Inquiry, Ownership } from '../issuance/context.ts';
import type { StepSetting } from '../policy/compile-steps.ts';
import { concerns, type HeldByOther } from '../policy/eligibility.ts';
import type { Json, ObjectChange, ObjectKey, ObjectStore, StoredObject } from '../store/objects.ts';
import type { RequestStore } from '../store/store.ts';

export type HoldingKind = 'name' | 'key';

/** Who owns a name or key: through these certificates, each with its serial and last second. Without any, no one does. */
export interface Holding {
  readonly owner: string;
  readonly by: readonly (readonly [serial: string, until: number])[];
}

const KIND = 'holding';
/** Certificates remembered per owner, those that expire last. A renewal makes two; a name on many nodes has one for each. */
const MOST_BY = 64;

export const holdingKey = (kind: HoldingKind, what: string): ObjectKey => ({ kind: KIND, id: `${kind}/${what}` });

export const holdingOf = (object: StoredObject | undefined): Holding | undefined => object?.value as Holding | undefined;

/**
 * Exclusive ownership of names and keys while a certificate for them is valid. Ownership is a small object, written in the same atomic step as
 * the certificate's record, and only if it is as the eligibility step saw it: of two simultaneous requesters one succeeds, in whatever processes.
 * Whether a certificate is still valid is determined from its record: one that was revoked or never signed confers no ownership.
 */
export function ownershipIn(objects: Pick<ObjectStore, 'getAll'>, requests: Pick<RequestStore, 'get'>, kindsOf: Ownership['kindsOf']): Ownership {
  return { kindsOf, ask: (owner) => inquiry(objects, requests, owner) };
}

function inquiry(objects: Pick<ObjectStore, 'getAll'>, requests: Pick<RequestStore, 'get'>, owner: string): Inquiry {
  const looked = new Map<string, { readonly key: ObjectKey; readonly found: StoredObject | undefined }>();
  return {
    heldByOthers: async (kind, what, now) => {
      const keys = what.map((one) => holdingKey(kind, one));
      const found = await objects.getAll(keys);
      const held: HeldByOther[] = [];
      for (const [at, key] of keys.entries()) {
        looked.set(key.id, { key, found: found[at] });
        const holding = holdingOf(found[at]);
        const standing = holding === undefined || holding.owner === owner ? undefined : await standingBy(requests, holding, now);
        if (standing !== undefined) held.push({ what: what[at] ?? '', serial: standing[0], until: standing[1] });
      }
      return held;
    },
    changes: (serial, notAfter) => Array.from(looked.values(), ({ key, found }): ObjectChange => {
      const before = holdingOf(found);
      const by = [...(before?.owner === owner ? before.by : []), [serial, notAfter] as const].sort((one, other) => other[1] - one[1]).slice(0, MOST_BY);
      return { ...key, expected: found?.version ?? 0, put: { value: { owner, by } satisfies Holding as unknown as Json, expires: ((by[0]?.[1] ?? 0) + 1) * 1000, indexes: [] } };
    }),
  };
}

/** The certificate that still confers ownership; undefined if none does. */
export async function standingBy(requests: Pick<RequestStore, 'get'>, { by }: Holding, now: number): Promise<readonly [serial: string, until: number] | undefined> {
  for (const one of by) {
    if (one[1] * 1000 + 999 < now) continue;
    const record = await requests.get(one[0]);
    // A hold may be released; and the bytes of an approved certificate are settled.
    const revoked = record?.revocation !== undefined && record.revocation.reason !== 'certificateHold';
    if (record !== undefined && !revoked && (record.state === 'issued' || record.state === 'approved')) return one;
  }
  return undefined;
}

/** What is owned exclusively according to the configured steps; undefined if nothing is. */
export function heldKinds(settings: readonly StepSetting[]): Ownership['kindsOf'] | undefined {
  const kinds = settings.flatMap((setting): { readonly kind: HoldingKind; readonly profiles: readonly string[] | undefined }[] => {
    if (setting.step === 'name-ownership') return [{ kind: 'name', profiles: setting.profiles }];
    return setting.step === 'known-key' ? [{ kind: 'key', profiles: setting.profiles }] : [];
  });
  return kinds.length === 0 ? undefined : (profile) => kinds.filter(({ profiles }) => concerns(profiles, profile)).map(({ kind }) => kind);
}
