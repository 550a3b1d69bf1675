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

/** The ACME service of one authority. */
export interface Directory {
  /** Name of the authority: `/acme/{name}/directory`. */
  readonly name: string;
  readonly authority: Authority;
  /** The profiles that clients may request. */
  readonly profiles: ReadonlyMap<string, IssuingProfile>;
  readonly defaultProfile: IssuingProfile;
  readonly externalAccount: 'optional' | 'required';
  /** If undefined, whatever the profile allows. */
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

/** The dependencies of all parts of ACME, assembled once by `acme-service.ts`. */
export interface AcmeContext {
  readonly settings: AcmeSettings;
  /** Keyed by name. */
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
  /** A secret of the deployment that is not in the store. */
  readonly master: Uint8Array;
  /** Base URL under which the client reached this service, derived from its Host header: scheme and authority, possibly with a path. */
  readonly baseUrl: (host: string | undefined) => string;
}
