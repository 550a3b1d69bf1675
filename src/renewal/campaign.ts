/** Which certificates are meant: those that fit every member. None given: all. */
export interface Scope {
  readonly authority?: string;
  readonly profile?: string;
  /** A requester's name, or `kind:name`. */
  readonly requester?: string;
}

/** An operator's order to renew certificates before their time. Times in milliseconds since the Unix epoch. */
export interface Campaign {
  readonly id: string;
  readonly scope: Scope;
  /** For those who renew, in words. */
  readonly reason: string;
  /** Certificates asked for before are meant, and spread from then until `endsAt`; it may be yet to come. */
  readonly startedAt: number;
  readonly endsAt: number;
  readonly createdBy: string;
}

/** How long a campaign stands after its end, milliseconds: those who were away hear of it when they come back. */
export const STANDS = 30 * 86_400_000;
/** Seconds over which certificates may be spread. */
export const WITHIN = { least: 60, most: 90 * 86_400 };
/** Campaigns that stand at once: each is looked at with every question. */
export const MOST_CAMPAIGNS = 50;
