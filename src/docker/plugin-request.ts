import { JsonError, parseStrictJson } from '../strict-json.ts';

/** What the Engine asks (docs.docker.com, Access authorization plugin): the members that the decision rests on. */
export interface AuthzRequest {
  readonly method: string;
  /** As it came over the line, query included. */
  readonly uri: string;
  /** As the client sent them, its own first; none on a unix socket, and on TCP without client certificates. */
  readonly certificates: readonly string[];
}

/** What the Engine sent is not what an Engine sends. */
export class MalformedRequest extends Error {
  override readonly name = 'MalformedRequest';
}

/** More than a client's chain has. */
const MOST_CERTIFICATES = 16;

/**
 * Reads the body of AuthZReq or AuthZRes. The request's own body and the response are left alone: the Engine does not send them always
 * (not above 1 MiB, and since CVE-2024-41110 it is known that it could be led to leave them out), so that no decision may rest on them.
 * Throws MalformedRequest.
 */
export function readAuthzRequest(body: Uint8Array): AuthzRequest {
  const { RequestMethod: method, RequestUri: uri, RequestPeerCertificates: certificates = [], UserAuthNMethod: proof } = members(body);
  if (typeof method !== 'string' || method === '') throw new MalformedRequest('RequestMethod is missing');
  if (typeof uri !== 'string' || uri === '') throw new MalformedRequest('RequestUri is missing');
  if (!Array.isArray(certificates) || certificates.length > MOST_CERTIFICATES || !certificates.every((each) => typeof each === 'string')) {
    throw new MalformedRequest('RequestPeerCertificates is no list of certificates');
  }
  // Somebody who was known by TLS, and whose certificate is gone, is nobody on a unix socket.
  if (proof !== undefined && proof !== '' && certificates.length === 0) throw new MalformedRequest('RequestPeerCertificates is missing');
  return { method, uri, certificates };
}

function members(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    if (!(error instanceof JsonError) && !(error instanceof TypeError)) throw error;
    throw new MalformedRequest(`the body is no JSON: ${error.message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MalformedRequest('the body is no object');
  return value as Record<string, unknown>;
}
