import type { AcmeProblem } from '../problem.ts';
import type { ChallengeType, Identifier } from '../validators/validator.ts';

// What ACME keeps in the store, as JSON. Times are milliseconds since the epoch.

export interface Account {
  /** The directory's authority. */
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
  /** Who made that key, as `kind:name`: it may have gone before the account does. */
  readonly sponsor?: string;
  /** The binding as it came, which is shown again (RFC 8555 7.1.2). */
  readonly binding?: Readonly<Record<string, string>>;
  /** Patterns of names that need no challenge (`preauthorized`). */
  readonly preauthorized?: readonly string[];
}

export interface Order {
  readonly authority: string;
  readonly account: string;
  /**
   * `open`: pending or ready, as its authorizations say, or invalid where one of them can no longer become valid;
   * `processing`: the request waits for somebody.
   */
  readonly status: 'open' | 'processing' | 'valid' | 'invalid';
  readonly identifiers: readonly Identifier[];
  readonly authorizations: readonly string[];
  readonly createdAt: number;
  readonly expires: number;
  readonly profile: string;
  /** Whether the client named the profile. */
  readonly profileAsked: boolean;
  /** Seconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** RFC 9773 4.1, as it was sent. */
  readonly replaces?: string;
  /** Id of the request for the certificate, which is its serial. */
  readonly request?: string;
  readonly error?: AcmeProblem;
}

export interface Challenge {
  readonly type: ChallengeType;
  /** Empty where the challenge has none. */
  readonly token: string;
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid';
  readonly validatedAt?: number;
  readonly error?: AcmeProblem;
  /** While processing: what is to be seen, and how often it was looked for. */
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
  /** While a challenge is processing: when somebody has to look. Whoever does moves it ahead, which is the lease. */
  readonly due?: number;
}

/** A key for external account binding; its secret is sealed. */
export interface EabKey {
  readonly authority?: string;
  /** AES-256-GCM under a key of the deployment's own secret: base64url. */
  readonly sealed: string;
  /** Accounts that it may bind. */
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
  /** Valid authorizations of an account for an identifier, by their end. */
  validOf: (account: string, { type, value }: Identifier, wildcard: boolean) => `acme-valid/${account}/${wildcard ? '*' : ''}${type}/${value}`,
  /** Authorizations with a challenge to be validated, by when. */
  due: 'acme-due',
  eab: 'acme-eab',
} as const;

/** An identifier as an order, a certificate and a pattern write it: with `*.` for a wildcard. */
export const nameOf = ({ identifier, wildcard }: Pick<Authorization, 'identifier' | 'wildcard'>): string => `${wildcard ? '*.' : ''}${identifier.value}`;

/** The same as a name of `policy/`. */
export const policyName = ({ type, value }: Identifier): { readonly kind: 'dns' | 'ip'; readonly value: string } => ({ kind: type, value });

/** What it is by now: one that was not done in time is expired. @param now milliseconds since the epoch */
export const authorizationStatus = ({ status, expires }: Authorization, now: number): Authorization['status'] | 'expired' =>
  (expires > now ? status : status === 'valid' ? 'expired' : status === 'pending' ? 'invalid' : status);
