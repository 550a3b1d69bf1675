import { createHmac } from 'node:crypto';

/** When the question was asked, seconds since the epoch: covered by the signature, so that a question cannot be replayed later. */
export const TIMESTAMP_HEADER = 'chancery-timestamp';
/** `v1=` followed by the HMAC-SHA-256 of the timestamp, a dot and the body, in hex. */
export const SIGNATURE_HEADER = 'chancery-signature';

export const signatureOf = (secret: string, timestamp: string, body: Uint8Array): string =>
  `v1=${createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex')}`;
