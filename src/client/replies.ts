import type { AuditEntry } from '../audit/entry.ts';
import type { components } from './api-types.ts';

type Schemas = components['schemas'];

/** Replies of the native REST API, as described by its OpenAPI document. Times are ISO 8601, UTC. */

export type StepReply = RequestReply['steps'][number];

export type RequestReply = Schemas['Request'];

/** Who holds a name or key, and through which certificates. */
export type HoldingReply = Schemas['Holding'];

export type CertificateReply = Schemas['Certificate'];

/** `GET /v1/certificates/{serial}/renewal-info`. */
export type RenewalInfoReply = Schemas['RenewalInfo'];

export type RenewalCampaignReply = Schemas['RenewalCampaign'];

export type TokenReply = Schemas['Token'];

export type ApiKeyReply = Schemas['ApiKey'];

export type SwarmReply = Schemas['Swarm'];

export type EabKeyReply = Schemas['EabKey'];

/** A node that may attest once, and has. */
export type AttestedNodeReply = Schemas['AttestedNode'];

export type AcmeAccountReply = Schemas['AcmeAccount'];

export type AcmeOrderReply = Schemas['AcmeOrder'];

export interface PageReply<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface AuditReply extends PageReply<AuditEntry> {
  readonly head: { readonly sequence: number; readonly hash: string };
}

/** One entry of `GET /v1/authorities`. */
export type AuthorityReply = Schemas['Authority'];

/** The CRL that `POST /v1/authorities/{name}/crl` published. */
export type CrlReply = Schemas['Crl'];
