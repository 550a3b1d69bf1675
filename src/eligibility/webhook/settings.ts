/** Somebody outside who is asked about requests. Files, absolute. */
export interface WebhookEndpoint {
  readonly name: string;
  /** Begins with https. */
  readonly url: string;
  /** Signs what is asked. */
  readonly secret: string;
  /** Seconds for the whole call. */
  readonly timeout: number;
  /** CAs of its certificate, PEM; those of the system where absent. */
  readonly ca?: string;
  /** Our own certificate for it with its chain, and the key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}
