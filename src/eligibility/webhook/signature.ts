import { createHmac } from 'node:crypto';

/** Seconds since the epoch when the question was asked: part of what is signed, so that an old one cannot be asked again later. */
export const TIMESTAMP_HEADER = 'chancery-timestamp';
/** `v1=` and HMAC-SHA-256 over timestamp, a dot and the body, in hex. */
export const SIGNATURE_HEADER = 'chancery-signature';

export const signatureOf = (secret: string, timestamp: string, body: Uint8Array): string =>
  `v1=${createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex')}`;
