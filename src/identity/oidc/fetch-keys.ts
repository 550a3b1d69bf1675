import { CallFailed } from '../../outgoing/call-failed.ts';
import { TimeUp, within } from '../../outgoing/deadline.ts';
import type { Dial } from '../../outgoing/dial.ts';
import { httpGet } from '../../outgoing/http-get.ts';
import { BadKeySet, jsonObject, type KeySet, parseKeySet } from './key-set.ts';

/** Where and how to fetch an issuer's keys. */
export interface IssuerAddress {
  /** Exactly as in its tokens. */
  readonly issuer: string;
  /** Address of its keys; taken from the discovery document if undefined. */
  readonly jwksUri: string | undefined;
  /** Whether it may be contacted without TLS. */
  readonly allowHttp: boolean;
  /** Trusted roots for its certificate, PEM; the system's if undefined. */
  readonly ca: string | undefined;
  /** A token that it requires, re-read each time, since those of Kubernetes change hourly. Sent only to the host named in the configuration. */
  readonly credential: (() => Promise<string>) | undefined;
}

/** Time allowed in total, milliseconds, and size of each document in bytes. */
const TIME = 5_000;
const MOST = { discovery: 65_536, keys: 262_144 };

/**
 * Fetches the keys of an issuer: its discovery document (OpenID Connect Discovery 4), which must name exactly this issuer, and the JWK set that it
 * refers to. Both only from places that the configuration allows, without following redirects, and independently of the contents of any token.
 * @throws Error whose message says what failed
 */
export async function fetchIssuerKeys(dial: Dial, address: IssuerAddress): Promise<KeySet> {
  try {
    return await within(TIME, new AbortController().signal, async (signal) => {
      const jwks = address.jwksUri === undefined ? await discover(dial, address, signal) : urlOf(address.jwksUri, address);
      const body = await fetchDocument(dial, jwks, address, MOST.keys, signal);
      return inDocument(jwks, () => parseKeySet(body));
    });
  } catch (error) {
    throw error instanceof TimeUp ? new CallFailed('connection', `${address.issuer} did not provide its keys within ${TIME / 1000} s`, { cause: error }) : error;
  }
}

async function discover(dial: Dial, address: IssuerAddress, signal: AbortSignal): Promise<URL> {
  // Terminating slashes are removed before the well-known path is appended (OpenID Connect Discovery 4.1).
  const url = urlOf(`${address.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, address);
  const body = await fetchDocument(dial, url, address, MOST.discovery, signal);
  return inDocument(url, () => {
    const { issuer, jwks_uri: jwks } = jsonObject(body);
    // OpenID Connect Discovery 4.3: otherwise whoever serves the document could speak for others.
    if (issuer !== address.issuer) throw new BadKeySet(`is of issuer ${JSON.stringify(issuer)?.slice(0, 200)}; expected exactly ${JSON.stringify(address.issuer)}`);
    if (typeof jwks !== 'string') throw new BadKeySet('has no "jwks_uri"');
    return urlOf(jwks, address);
  });
}

function urlOf(text: string, { allowHttp }: IssuerAddress): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const good = url !== undefined && (url.protocol === 'https:' || (allowHttp && url.protocol === 'http:')) && url.username === '' && url.password === '';
  if (!good) throw new BadKeySet(`would be at ${JSON.stringify(text.slice(0, 200))}; expected an address with https${allowHttp ? ' or http' : ''}, without user`);
  url.hash = '';
  return url;
}

async function fetchDocument(dial: Dial, url: URL, { issuer, jwksUri, ca, credential }: IssuerAddress, mostBody: number, signal: AbortSignal): Promise<Buffer> {
  const mayShow = url.origin === new URL(jwksUri ?? issuer).origin && url.protocol === 'https:';
  const headers = credential === undefined || !mayShow ? {} : { authorization: `Bearer ${await credential()}` };
  const { status, body } = await httpGet(dial, url, { mostBody, trust: { ca }, headers }, signal);
  if (status !== 200) throw new CallFailed('connection', `${url.href}: answered ${status}${status >= 300 && status < 400 ? ', which leads elsewhere and is not followed' : ''}; expected 200`);
  if (body.length > mostBody) throw new CallFailed('connection', `${url.href}: answered with more than ${mostBody} bytes`);
  return body;
}

/** Adds the document's address to errors about its contents. */
function inDocument<T>(url: URL, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BadKeySet)) throw error;
    throw new BadKeySet(`${url.href}: ${error.message}`, { cause: error });
  }
}
