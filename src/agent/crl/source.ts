import type { Agent } from 'node:https';
import { under } from '../../client/address.ts';
import type { ChanceryClient } from '../../client/chancery-client.ts';
import { exchange } from '../../client/exchange.ts';
import { Failure } from '../../client/failure.ts';
import { type Certificate, parseCertificate } from '../../x509/certificate.ts';
import { pemOrDerOrBase64 } from '../../x509/pem.ts';

/** A CRL to watch: its location, and the issuer that must have signed it. */
export interface CrlSource {
  readonly authority: string;
  readonly address: URL;
  readonly issuer: Certificate;
  readonly agent?: Agent;
}

/** Called repeatedly, since a service may gain authorities. Throws Failure. */
export type FindSources = () => Promise<readonly CrlSource[]>;

/**
 * The CRLs of a service, as announced by the service itself, whose https certificate has been verified.
 * @param wanted names of authorities; if empty, all that publish a CRL
 * @param leftOut called at each poll with the authorities that issue, now or next, but are not wanted
 */
export const serviceSources = (client: ChanceryClient, agent: Agent, wanted: readonly string[], leftOut?: (names: readonly string[]) => void): FindSources => async () => {
  const { items } = await client.listAuthorities();
  if (wanted.length > 0) leftOut?.(items.filter(({ name, state }) => (state === 'issuing' || state === 'next') && !wanted.includes(name)).map(({ name }) => name));
  const missing = wanted.filter((name) => !items.some((authority) => authority.name === name));
  if (missing.length > 0) throw new Failure('usage', `there is no authority ${missing.join(', ')} at ${client.url.origin}`, { advice: `expected one of ${items.map(({ name }) => name).join(', ')}` });
  return items
    .filter(({ name, crl }) => (wanted.length === 0 ? crl.length > 0 : wanted.includes(name)))
    .map(({ name, certificate }) => ({
      authority: name, address: under(client.url, `/crl/${encodeURIComponent(name)}.crl`),
      issuer: parseCertificate(pemOrDerOrBase64(Buffer.from(certificate), 'CERTIFICATE')), agent,
    }));
};

/** In bytes: about two million entries. */
const MOST_CRL = 128 * 1024 * 1024;
/** Milliseconds for a whole download: 50 MB over a slow line. */
const WHOLE = 600_000;

/** What the caller already has: the ETag it was served with, or at least the CRL's thisUpdate in seconds since the epoch. */
export interface Has {
  readonly etag?: string | undefined;
  readonly thisUpdate?: number | undefined;
}

/** Fetches the CRL with its ETag; undefined if the caller's is current. Throws Failure. */
export async function fetchCrl({ address, agent }: CrlSource, { etag, thisUpdate }: Has): Promise<{ readonly bytes: Uint8Array; readonly etag: string | undefined } | undefined> {
  const condition: Record<string, string> = etag !== undefined ? { 'if-none-match': etag }
    : thisUpdate !== undefined ? { 'if-modified-since': new Date(thisUpdate * 1000).toUTCString() } : {};
  const reply = await exchange({ method: 'GET', url: address, headers: condition, mostReply: MOST_CRL, whole: WHOLE, ...(agent === undefined ? {} : { agent }) });
  if (reply.status === 304) return undefined;
  if (reply.status !== 200) throw new Failure('bad-reply', `${address.href} answered ${reply.status}`, { advice: 'expected a CRL' });
  return { bytes: reply.body, etag: reply.headers.etag };
}
