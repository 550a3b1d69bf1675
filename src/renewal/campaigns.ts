import { sha256 } from '../digest.ts';
import { Refused } from '../errors.ts';
import type { RandomBytes } from '../identity/credential.ts';
import type { Json, ObjectStore, StoredObject } from '../store/objects.ts';
import { type Campaign, MOST_CAMPAIGNS, type Scope, STANDS } from './campaign.ts';

export interface Wish {
  readonly scope: Scope;
  readonly reason: string;
  /** Seconds over which renewals are spread. */
  readonly within: number;
  /** Start time, milliseconds since the epoch; default now. */
  readonly from?: number | undefined;
}

/** The campaigns of a deployment. */
export interface Campaigns {
  /**
   * Starts a campaign. A repeated call with the same Idempotency-Key returns the first one.
   * @throws Refused `too-many-campaigns`, `idempotency-key-reused`
   */
  readonly begin: (wish: Wish, actor: string, idempotencyKey?: string) => Promise<Campaign>;
  /** The campaigns in force, newest first. */
  readonly standing: () => Promise<readonly Campaign[]>;
  /** Ends a campaign early: certificates not yet renewed follow their age again. Undefined if there is no such campaign. */
  readonly end: (id: string, actor: string) => Promise<Campaign | undefined>;
}

const KIND = 'renewal-campaign';
const INDEX = 'renewal-campaigns';

export interface CampaignsOptions {
  readonly objects: ObjectStore;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
}

export function campaignsIn({ objects, clock, random }: CampaignsOptions): Campaigns {
  const standing = async (): Promise<readonly Campaign[]> => {
    const found: Campaign[] = [];
    let cursor: string | undefined;
    do {
      const page = await objects.list(INDEX, { limit: MOST_CAMPAIGNS, ...(cursor === undefined ? {} : { cursor }) }, { newestFirst: true });
      found.push(...page.items.filter(({ expires }) => expires > clock()).map(campaignOf));
      cursor = page.next;
    } while (cursor !== undefined);
    return found;
  };

  return {
    standing,
    begin: async ({ scope, reason, within, from }, actor, idempotencyKey) => {
      const now = clock();
      const startedAt = from ?? now;
      const id = idempotencyKey === undefined ? Buffer.from(random(16)).toString('hex') : sha256(`${actor}\n${idempotencyKey}`).slice(0, 32);
      const campaign: Campaign = { id, scope, reason, startedAt, endsAt: startedAt + within * 1000, createdBy: actor };
      for (;;) {
        const before = await objects.get(KIND, id);
        if (before !== undefined && before.expires > now) return same(campaignOf(before), campaign, from);
        if ((await standing()).length >= MOST_CAMPAIGNS) throw new Refused('too-many-campaigns', `There are already ${MOST_CAMPAIGNS} campaigns; end one that is done.`);
        const { outcome } = await objects.write([{
          kind: KIND, id, expected: before?.version ?? 0,
          put: { value: campaign as unknown as Json, expires: campaign.endsAt + STANDS, indexes: [{ index: INDEX, order: now }] },
        }], [{
          time: now, event: 'renewal-campaign.started', actor, subject: id,
          details: { ...scope, reason, startsAt: new Date(startedAt).toISOString(), endsAt: new Date(campaign.endsAt).toISOString() },
        }]);
        if (outcome === 'stored') return campaign;
      }
    },
    end: async (id, actor) => {
      for (;;) {
        const found = await objects.get(KIND, id);
        if (found === undefined || found.expires <= clock()) return undefined;
        const { outcome } = await objects.write([{ kind: KIND, id, expected: found.version, put: undefined }], [{ time: clock(), event: 'renewal-campaign.ended', actor, subject: id }]);
        if (outcome === 'stored') return campaignOf(found);
      }
    },
  };
}

const campaignOf = ({ value }: StoredObject): Campaign => value as unknown as Campaign;

/** @throws Refused `idempotency-key-reused` */
function same(first: Campaign, again: Campaign, from: number | undefined): Campaign {
  const asked = ({ scope, reason, startedAt, endsAt }: Campaign): string => JSON.stringify([scope.authority, scope.profile, scope.requester, reason, endsAt - startedAt]);
  if (asked(first) !== asked(again) || (from !== undefined && from !== first.startedAt)) throw new Refused('idempotency-key-reused', 'The Idempotency-Key was used before for another campaign.');
  return first;
}
