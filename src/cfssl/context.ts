import type { Authority } from '../authority/authority.ts';
import type { Authentication } from '../http/authentication.ts';
import type { IssuanceContext } from '../issuance/context.ts';
import type { CrlShelf } from '../revocation/crl-shelf.ts';
import type { RevocationContext } from '../revocation/revoke.ts';
import type { CertificateStore } from '../store/store.ts';
import type { Asker } from './asker.ts';
import type { AuthKey } from './auth-keys.ts';
import type { CallLimit } from './call-limit.ts';

/** The dependencies of the cfssl API. */
export interface CfsslContext {
  readonly issuance: IssuanceContext;
  readonly revocation: RevocationContext;
  readonly certificates: Pick<CertificateStore, 'get'>;
  readonly authorities: readonly Authority[];
  readonly shelf: Pick<CrlShelf, 'bytes'>;
  readonly authentication: Authentication;
  /** Kinds of callers that may use `sign`, in order. */
  readonly askers: readonly Asker[];
  readonly keys: readonly AuthKey[];
  readonly limit: CallLimit;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called with the outcome of each call. */
  readonly counted: (call: string, outcome: 'done' | 'refused' | 'failed') => void;
}
