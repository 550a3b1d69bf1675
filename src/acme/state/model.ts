import type { AcmeProblem } from '../problem.ts';
import type { ChallengeType, Identifier } from '../validators/validator.ts';

// What ACME keeps in the store, as JSON. Times are milliseconds since the epoch.

export interface Account {
  /** Name of the directory's authority. */
  readonly authority: string;
  readonly jwk: Readonly<Record<string, string>>;
  readonly thumbprint: string;
  /** SHA-256 of the key's SubjectPublicKeyInfo, hex. */
  readonly keyHash: string;
  /** `revoked`: by an operator. */
  readonly status: 'valid' | 'deactivated' | 'revoked';
  readonly contact: readonly string[];
  readonly termsAgreedAt?: number;
  readonly createdAt: number;
  /** The key id of the external account binding. */
  readonly eab?: string;
  /** Who created that key, as `kind:name`, since the key may be deleted before the account. */
  readonly sponsor?: string;
  /** The binding as received, which is returned to the client (RFC 8555 7.1.2). */
  readonly binding?: Readonly<Record<string, string>>;
  /** Patterns of names that need no challenge (`preauthorized`). */
  readonly preauthorized?: readonly string[];
}

export interface Order {
  readonly authority: string;
  readonly account: string;
  /**
   * `open`: pending or ready, depending on its authorizations, or invalid if one of them can no longer become valid;
   * `processing`: the request is waiting.
   */
  readonly status: 'open' | 'processing' | 'valid' | 'invalid';
  readonly identifiers: readonly Identifier[];
  readonly authorizations: readonly string[];
  readonly createdAt: number;
  readonly expires: number;
  readonly profile: string;
  /** Whether the client requested the profile explicitly. */
  readonly profileAsked: boolean;
  /** Seconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** RFC 9773 4.1, as sent. */
  readonly replaces?: string;
  /** Id of the request for the certificate, which is its serial. */
  readonly request?: string;
  readonly error?: AcmeProblem;
}

export interface Challenge {
  readonly type: ChallengeType;
  /** Empty if the challenge type has none. */
  readonly token: string;
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid';
  readonly validatedAt?: number;
  readonly error?: AcmeProblem;
  /** While processing: the expected value, and the number of attempts so far. */
  readonly keyAuthorization?: string;
  readonly accountUri?: string;
  readonly attempts?: number;
}

export interface Authorization {
  readonly authority: string;
  readonly account: string;
  readonly identifier: Identifier;
  readonly wildcard: boolean;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated';
  readonly createdAt: number;
  readonly expires: number;
  readonly challenges: readonly Challenge[];
  /** While a challenge is processing: when the next attempt is due. Whoever makes it moves the time forward, which serves as a lease. */
  readonly due?: number;
}

/** A key for external account binding, whose secret is encrypted. */
export interface EabKey {
  readonly authority?: string;
  /** AES-256-GCM with a key derived from the deployment's secret: base64url. */
  readonly sealed: string;
  /** Number of accounts that it may bind. */
  readonly uses: number;
  readonly accounts: readonly string[];
  readonly names?: readonly string[];
  readonly note?: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number;
  readonly revokedAt?: number;
}

export const KIND = { account: 'acme-account', key: 'acme-account-key', order: 'acme-order', authorization: 'acme-authorization', eab: 'acme-eab', replaced: 'acme-replaced' } as const;

export const INDEX = {
  accounts: 'acme-accounts',
  orders: 'acme-orders',
  ordersOf: (account: string) => `acme-orders/${account}`,
  /** Valid authorizations of an account for an identifier, by expiry. */
  validOf: (account: string, { type, value }: Identifier, wildcard: boolean) => `acme-valid/${account}/${wildcard ? '*' : ''}${type}/${value}`,
  /** Authorizations with a challenge to be validated, by due time. */
  due: 'acme-due',
  eab: 'acme-eab',
} as const;

/** An identifier as written in orders, certificates and patterns: with `*.` for a wildcard. */
export const nameOf = ({ identifier, wildcard }: Pick<Authorization, 'identifier' | 'wildcard'>): string => `${wildcard ? '*.' : ''}${identifier.value}`;

/** The same as a name of `policy/`. */
export const policyName = ({ type, value }: Identifier): { readonly kind: 'dns' | 'ip'; readonly value: string } => ({ kind: type, value });

/** The present status: an authorization not completed in time has expired. @param now milliseconds since the epoch */
export const authorizationStatus = ({ status, expires }: Authorization, now: number): Authorization['status'] | 'expired' =>
  (expires > now ? status : status === 'valid' ? 'expired' : status === 'pending' ? 'invalid' : status);
