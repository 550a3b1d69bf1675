/** Longer than any call of the API. */
const MOST = 8192;
/** What names of the API are made of: images with registry, port and digest, plugins, containers. */
const PLAIN = /^[A-Za-z0-9._~:@+,=/-]+$/;
/** As the Engine's router has it. */
const VERSION = /^v[0-9.]+$/;

/**
 * The path of a call as the Engine's router sees it: without query and version, percent signs decoded once (also `%2F`, which the router takes
 * for a slash). Undefined for what the Engine would send elsewhere (`//`, `.`, `..`), and for all that cannot be part of a
 * good call: whoever decides by the path refuses that.
 */
export function apiPath(uri: string): string | undefined {
  // A whole address in the request line (`GET http://…`) is taken by the Engine too.
  if (!uri.startsWith('/') || uri.length > MOST) return undefined;
  const [raw = ''] = uri.split('?', 1);
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) return undefined;
  const path = raw.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const segments = path.slice(1).split('/');
  if (!PLAIN.test(path) || segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return undefined;
  const [first = '', ...rest] = segments;
  return VERSION.test(first) ? (rest.length === 0 ? undefined : `/${rest.join('/')}`) : path;
}
