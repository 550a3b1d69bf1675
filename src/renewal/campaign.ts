/** Which certificates are meant: those that match every member. Without members, all. */
export interface Scope {
  readonly authority?: string;
  readonly profile?: string;
  /** A requester's name, or `kind:name`. */
  readonly requester?: string;
}

/** An operator's order to renew certificates early. Times in milliseconds since the Unix epoch. */
export interface Campaign {
  readonly id: string;
  readonly scope: Scope;
  /** Shown to those who renew. */
  readonly reason: string;
  /** Applies to certificates requested before this time, spread from then until `endsAt`; may lie in the future. */
  readonly startedAt: number;
  readonly endsAt: number;
  readonly createdBy: string;
}

/** Milliseconds for which a campaign remains in force after its end, for nodes that were offline. */
export const STANDS = 30 * 86_400_000;
/** Seconds over which certificates may be spread. */
export const WITHIN = { least: 60, most: 90 * 86_400 };
/** Upper bound of campaigns in force, as each is examined for every query. */
export const MOST_CAMPAIGNS = 50;
