import type { FastifyReply, FastifyRequest } from 'fastify';

export interface Validators {
  /** Strong, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly lastModified: number;
}

/**
 * Sets the validators, and tells whether the caller has this very representation (RFC 9110 13.2.2: If-None-Match decides
 * where it is there, If-Modified-Since only without it).
 */
export function isNotModified(request: FastifyRequest, reply: FastifyReply, { etag, lastModified }: Validators): boolean {
  reply.header('etag', etag).header('last-modified', new Date(lastModified * 1000).toUTCString());
  const noneMatch = request.headers['if-none-match'];
  if (noneMatch !== undefined) return noneMatch.trim() === '*' || noneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
  const since = request.headers['if-modified-since'];
  if (since === undefined) return false;
  const time = Date.parse(since);
  return !Number.isNaN(time) && lastModified * 1000 <= time;
}
