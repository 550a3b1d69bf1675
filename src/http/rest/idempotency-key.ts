import type { FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';

/**
 * The Idempotency-Key of a creating call, if present.
 * @throws Refused `header-invalid`
 */
export function idempotencyKey(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key)) throw new Refused('header-invalid', 'The Idempotency-Key is malformed; expected 1 to 255 printable ASCII characters.');
  return key;
}
