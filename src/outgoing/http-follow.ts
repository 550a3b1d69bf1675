import { isIP } from 'node:net';
import { normaliseDnsName } from '../x509/dns-name.ts';
import { CallFailed } from './call-failed.ts';
import type { Dial } from './dial.ts';
import { excerpt } from './excerpt.ts';
import { DEFAULT_PORTS, type Got, httpGet, isRedirect } from './http-get.ts';

/** Upper bounds of redirects followed, and of characters in a URL. */
const MOST_REDIRECTS = 10;
const MOST_URL = 2_000;

export interface Followed extends Got {
  /** The final URL. */
  readonly url: URL;
}

/**
 * GETs a URL and follows redirects to http and https, to the given ports, without credentials in the URL. Each target is resolved, checked and connected
 * to like the first. Throws CallFailed, and the reason of `signal` if that fires.
 */
export async function httpFollow(dial: Dial, start: URL, options: { readonly ports: readonly number[]; readonly mostBody: number }, signal: AbortSignal): Promise<Followed> {
  const seen = new Set<string>();
  let url = start;
  for (;;) {
    seen.add(url.href);
    const got = await httpGet(dial, url, { mostBody: options.mostBody, headers: { 'user-agent': 'chancery-acme' } }, signal);
    if (!isRedirect(got) || got.location === undefined) return { ...got, url };
    if (seen.size > MOST_REDIRECTS) throw new CallFailed('connection', `${start.href} leads to more than ${MOST_REDIRECTS} redirects`);
    url = nextUrl(url, got.location, options.ports);
    if (seen.has(url.href)) throw new CallFailed('connection', `${start.href} leads in a circle of redirects, back to ${url.href}`);
  }
}

/**
 * The target of a redirect (RFC 9110 10.2.2). The host as normalised by the URL parser counts: `http://0x7f.1/` is 127.0.0.1, and is checked as such.
 */
function nextUrl(from: URL, location: string, ports: readonly number[]): URL {
  const refuse = (why: string): never => {
    throw new CallFailed('connection', `the redirect of ${from.href} to ${excerpt(location)} ${why}`);
  };
  if (location.length > MOST_URL || !URL.canParse(location, from)) return refuse('is not an address');
  const url = new URL(location, from);
  if (DEFAULT_PORTS[url.protocol] === undefined) return refuse('leads to neither http nor https');
  if (url.username !== '' || url.password !== '') return refuse('has a user in it');
  if (!ports.includes(Number(url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port))) return refuse(`leads to another port than ${ports.join(' or ')}`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0 && !isDnsName(host)) return refuse('leads to a host that is not a name');
  url.hash = '';
  return url;
}

function isDnsName(host: string): boolean {
  try {
    normaliseDnsName(host, false);
    return true;
  } catch {
    return false;
  }
}
