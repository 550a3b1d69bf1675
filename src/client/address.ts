import { Failure } from './failure.ts';

/** Parses the address of a service as a person writes it: `https://ca:8443` or `ca:8443`. Throws Failure `usage`. */
export function parseServiceUrl(text: string): URL {
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : null;
  const wrong = url === null ? 'is not an address' : fault(url);
  if (url === null || wrong !== undefined) {
    throw new Failure('usage', `the service's address '${text}' ${wrong ?? 'is not an address'}`, { advice: 'expected an https address such as https://ca.example.com:8443' });
  }
  return url;
}

// Credentials in an address would end up in logs; plain http would send a token in the clear.
const fault = (url: URL): string | undefined => {
  if (url.protocol !== 'https:') return `is not https (${url.protocol.slice(0, -1)})`;
  if (url.username !== '' || url.password !== '') return 'has a user name or a password in it';
  return undefined;
};

/** A path of the service, under the path prefix that its address may have behind a reverse proxy. */
export function under(base: URL, path: string, query: Readonly<Record<string, string | number | undefined>> = {}): URL {
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}
