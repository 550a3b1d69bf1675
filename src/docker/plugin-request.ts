import { JsonError, parseStrictJson } from '../strict-json.ts';

/** A request of the Engine (docs.docker.com, Access authorization plugin), reduced to what the decision rests on. */
export interface AuthzRequest {
  readonly method: string;
  /** As in the request line, query included. */
  readonly uri: string;
  /** As the client sent them, its own first; empty for a unix socket, and for TCP without client certificates. */
  readonly certificates: readonly string[];
}

/** The request is not one that an Engine would send. */
export class MalformedRequest extends Error {
  override readonly name = 'MalformedRequest';
}

/** More than any client's chain has. */
const MOST_CERTIFICATES = 16;

/**
 * Parses the body of AuthZReq or AuthZRes. The body of the request and the response are ignored: the Engine does not always send them
 * (not above 1 MiB, and CVE-2024-41110 showed that it could be made to leave them out), so no decision may rest on them.
 * Throws MalformedRequest.
 */
export function readAuthzRequest(body: Uint8Array): AuthzRequest {
  const { RequestMethod: method, RequestUri: uri, RequestPeerCertificates: certificates = [], UserAuthNMethod: proof } = members(body);
  if (typeof method !== 'string' || method === '') throw new MalformedRequest('RequestMethod is missing');
  if (typeof uri !== 'string' || uri === '') throw new MalformedRequest('RequestUri is missing');
  if (!Array.isArray(certificates) || certificates.length > MOST_CERTIFICATES || !certificates.every((each) => typeof each === 'string')) {
    throw new MalformedRequest('RequestPeerCertificates is not a list of certificates');
  }
  // A client authenticated by TLS whose certificate is missing must not be taken for a local one.
  if (proof !== undefined && proof !== '' && certificates.length === 0) throw new MalformedRequest('RequestPeerCertificates is missing');
  return { method, uri, certificates };
}

function members(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    if (!(error instanceof JsonError) && !(error instanceof TypeError)) throw error;
    throw new MalformedRequest(`the body is not JSON: ${error.message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MalformedRequest('the body is not an object');
  return value as Record<string, unknown>;
}
