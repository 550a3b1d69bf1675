import type { Dial } from '../../outgoing/dial.ts';
import { excerpt } from '../../outgoing/excerpt.ts';
import { DEFAULT_PORTS } from '../../outgoing/http-get.ts';
import { httpFollow } from '../../outgoing/http-follow.ts';
import { invalid, VALID } from './outcome.ts';
import type { ValidationOutcome, ValidationRequest } from './validator.ts';

/** A key authorization has 87 characters or slightly more; the rest is for white space. */
const MOST_BODY = 1_024;

/** RFC 8555 8.3; for addresses RFC 8738 5. */
export async function validateHttp01(dial: Dial, ports: { readonly http: number; readonly https: number }, request: ValidationRequest, signal: AbortSignal): Promise<ValidationOutcome> {
  const { identifier, token, keyAuthorization } = request;
  const host = identifier.value.includes(':') ? `[${identifier.value}]` : identifier.value;
  const port = ports.http === DEFAULT_PORTS['http:'] ? '' : `:${ports.http}`;
  const start = new URL(`http://${host}${port}/.well-known/acme-challenge/${encodeURIComponent(token)}`);
  const { status, body, url } = await httpFollow(dial, start, { ports: [ports.http, ports.https], mostBody: MOST_BODY }, signal);
  const text = body.toString('latin1');
  if (status !== 200) return invalid('unauthorized', `${url.href} answered ${status}, not 200${text === '' ? '' : `: ${excerpt(text)}`}`);
  if (body.length > MOST_BODY) return invalid('unauthorized', `${url.href} answered with more than ${MOST_BODY} bytes, which is not a key authorization: ${excerpt(text)}`);
  // RFC 8555 8.3: trailing white space SHOULD be ignored.
  if (text.trimEnd() !== keyAuthorization) return invalid('unauthorized', `${url.href} answered with a key authorization other than the challenge's: ${excerpt(text)}`);
  return VALID;
}
