import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';

export interface Validators {
  /** Strong, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly lastModified: number;
  /** True if something else may have been served within the same second: the time then proves nothing. */
  readonly secondIsShared?: boolean;
}

/**
 * Sets the validators, and returns whether the caller already has this representation (RFC 9110 section 13.2.2: If-None-Match takes
 * precedence over If-Modified-Since).
 * @throws Refused `precondition-failed`
 */
export function isNotModified(request: FastifyRequest, reply: FastifyReply, validators: Validators): boolean {
  refuseUnmet(request, validators);
  reply.header('etag', validators.etag).header('last-modified', new Date(validators.lastModified * 1000).toUTCString());
  return isUnchanged(request, validators);
}

/** The same for callers that set the headers themselves. */
export function isUnchanged(request: { readonly headers: IncomingHttpHeaders }, { etag, lastModified, secondIsShared = false }: Validators): boolean {
  const noneMatch = request.headers['if-none-match'];
  if (noneMatch !== undefined) return noneMatch.trim() === '*' || noneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
  const since = request.headers['if-modified-since'];
  if (since === undefined || secondIsShared) return false;
  const time = Date.parse(since);
  return !Number.isNaN(time) && lastModified * 1000 <= time;
}

/** Whether the caller wants an answer only if something still is as it was. */
export const hasPrecondition = ({ 'if-match': match, 'if-unmodified-since': since }: IncomingHttpHeaders): boolean => match !== undefined || since !== undefined;

/**
 * Evaluates If-Match, or without it If-Unmodified-Since, before anything else (RFC 9110 13.2.2). A tag is compared strongly: a weak one
 * matches nothing (13.1.1).
 * @throws Refused `precondition-failed`
 */
export function refuseUnmet({ headers }: { readonly headers: IncomingHttpHeaders }, { etag, lastModified }: Validators): void {
  const { 'if-match': match, 'if-unmodified-since': since } = headers;
  if (match !== undefined) {
    if (match.trim() === '*' || match.split(',').some((tag) => tag.trim() === etag)) return;
    throw new Refused('precondition-failed', `The document is not the one that If-Match names: its tag is ${etag}.`);
  }
  // An invalid date is ignored (13.1.4).
  if (since !== undefined && lastModified * 1000 > Date.parse(since)) throw new Refused('precondition-failed', 'The document is newer than If-Unmodified-Since.');
}

/** Sets headers listed as name, value, name, value. */
export function setHeaders(reply: FastifyReply, headers: readonly string[]): FastifyReply {
  for (let at = 0; at + 1 < headers.length; at += 2) reply.header(headers[at] as string, headers[at + 1]);
  return reply;
}
