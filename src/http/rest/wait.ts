import type { FastifyRequest } from 'fastify';
import type { RequestRecord } from '../../issuance/request.ts';

/** Milliseconds between two looks into the store, since another process may change the request. */
const LOOK_EVERY = 200;

/** The seconds of `Prefer: wait=n` (RFC 7240 4.3). */
export function waitPreference(prefer: string | string[] | undefined): number | undefined {
  const [, seconds] = /(?:^|,)\s*wait\s*=\s*"?([0-9]{1,5})"?\s*(?:$|[,;])/i.exec(String(prefer ?? '')) ?? [];
  return seconds === undefined ? undefined : Number(seconds);
}

/** Resolves with the record once its state differs from `seen`, or as it is when time is up or the caller has disconnected. */
export async function waitWhile(get: () => Promise<RequestRecord | undefined>, seen: RequestRecord, seconds: number, request: FastifyRequest): Promise<RequestRecord> {
  const until = performance.now() + seconds * 1000;
  let record = seen;
  while (isWaiting(record) && record.state === seen.state && !request.raw.destroyed) {
    const left = until - performance.now();
    if (left <= 0) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_EVERY, left)));
    record = (await get()) ?? record;
  }
  return record;
}

const isWaiting = ({ state }: RequestRecord): boolean => state === 'pending' || state === 'approved';
