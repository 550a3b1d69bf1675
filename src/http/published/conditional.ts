import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface Validators {
  /** Strong, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly lastModified: number;
  /** True where something else may have been given out in that same second: then the time tells nothing. */
  readonly secondIsShared?: boolean;
}

/**
 * Sets the validators, and tells whether the caller has this very representation (RFC 9110 13.2.2: If-None-Match decides
 * where it is there, If-Modified-Since only without it).
 */
export function isNotModified(request: FastifyRequest, reply: FastifyReply, validators: Validators): boolean {
  reply.header('etag', validators.etag).header('last-modified', new Date(validators.lastModified * 1000).toUTCString());
  return isUnchanged(request, validators);
}

/** The same for who sets the validators by themselves. */
export function isUnchanged(request: { readonly headers: IncomingHttpHeaders }, { etag, lastModified, secondIsShared = false }: Validators): boolean {
  const noneMatch = request.headers['if-none-match'];
  if (noneMatch !== undefined) return noneMatch.trim() === '*' || noneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
  const since = request.headers['if-modified-since'];
  if (since === undefined || secondIsShared) return false;
  const time = Date.parse(since);
  return !Number.isNaN(time) && lastModified * 1000 <= time;
}

/** Sets headers that are listed as name, value, name, value. */
export function setHeaders(reply: FastifyReply, headers: readonly string[]): FastifyReply {
  for (let at = 0; at + 1 < headers.length; at += 2) reply.header(headers[at] as string, headers[at + 1]);
  return reply;
}
