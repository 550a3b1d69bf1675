import type { Authority } from '../authority/authority.ts';
import type { RandomBytes } from '../identity/credential.ts';
import type { IssuanceContext, IssuingProfile } from '../issuance/context.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { NamePattern } from '../policy/name-pattern.ts';
import type { RenewalAdvice } from '../renewal/advice.ts';
import type { RevocationContext } from '../revocation/revoke.ts';
import type { Store } from '../store/store.ts';
import type { Limits } from './limits.ts';
import type { Nonces } from './nonces.ts';
import type { Scheduler } from './scheduler.ts';
import type { Records } from './state/records.ts';
import type { ChallengeType, Validators } from './validators/validator.ts';

/** One authority's ACME. */
export interface Directory {
  /** Of the authority: `/acme/{name}/directory`. */
  readonly name: string;
  readonly authority: Authority;
  /** Those that a client may ask for. */
  readonly profiles: ReadonlyMap<string, IssuingProfile>;
  readonly defaultProfile: IssuingProfile;
  readonly externalAccount: 'optional' | 'required';
  /** Undefined: whatever the profile allows. */
  readonly allow: readonly NamePattern[] | undefined;
  readonly deny: readonly NamePattern[];
}

export interface AcmeSettings {
  readonly termsOfService: string | undefined;
  readonly website: string | undefined;
  readonly caaIdentities: readonly string[];
  /** In the order in which they are offered. */
  readonly challenges: readonly ChallengeType[];
  /** Milliseconds. */
  readonly orderLifetime: number;
  readonly authorizationLifetime: number;
}

/** What every part of ACME works with: made once by `service.ts`. */
export interface AcmeContext {
  readonly settings: AcmeSettings;
  /** By name. */
  readonly directories: ReadonlyMap<string, Directory>;
  readonly records: Records;
  readonly store: Pick<Store, 'certificates' | 'requests'>;
  readonly issuance: IssuanceContext;
  readonly revocation: RevocationContext;
  /** When a certificate is best renewed. */
  readonly adviceOn: (record: RequestRecord) => Promise<RenewalAdvice>;
  readonly validators: Validators;
  readonly scheduler: Scheduler;
  readonly nonces: Nonces;
  readonly limits: Limits;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  /** A secret of the deployment that the store does not know. */
  readonly master: Uint8Array;
  /** Where a client reaches this service, by the Host header that it sent: scheme and authority, perhaps a path. */
  readonly baseUrl: (host: string | undefined) => string;
}
