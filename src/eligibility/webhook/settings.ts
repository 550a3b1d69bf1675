/** An external service that is consulted about requests. File names are absolute. */
export interface WebhookEndpoint {
  readonly name: string;
  /** An https URL. */
  readonly url: string;
  /** Key of the HMAC over the question. */
  readonly secret: string;
  /** Seconds allowed for the whole call. */
  readonly timeout: number;
  /** CAs that issue its certificate, PEM; the system's if absent. */
  readonly ca?: string;
  /** Our client certificate with its chain, and the key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}
