import { hash } from 'node:crypto';

/** SHA-256, lower-case hex. The one-shot call costs a third of a hash object's, and every request makes several. */
export const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex');
