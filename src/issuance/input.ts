import type { Identity } from '../identity/identity.ts';

/** What every door hands in, whatever its protocol. */
export interface IssueInput {
  readonly identity: Identity;
  /** DER. */
  readonly csr: Uint8Array;
  readonly profile?: string | undefined;
  readonly names?: readonly string[] | undefined;
  /** Seconds. */
  readonly validity?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly idempotencyKey?: string | undefined;
}
