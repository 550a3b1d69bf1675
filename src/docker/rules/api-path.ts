/** Longer than any call of the API, in characters. */
const MOST = 8192;
/** The characters of names in the API: images with registry, port and digest, plugins, containers. */
const PLAIN = /^[A-Za-z0-9._~:@+,=/-]+$/;
/** The version prefix, as the Engine's router matches it. */
const VERSION = /^v[0-9.]+$/;

/**
 * The path of a call as the Engine's router sees it: without query and version, percent-decoded once (including `%2F`, which the router
 * treats as a slash). Undefined for paths that the Engine would redirect (`//`, `.`, `..`), and for anything that cannot be part of a
 * valid call: a decision by path refuses those.
 */
export function apiPath(uri: string): string | undefined {
  // The Engine also accepts the absolute form in the request line (`GET http://…`).
  if (!uri.startsWith('/') || uri.length > MOST) return undefined;
  const [raw = ''] = uri.split('?', 1);
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) return undefined;
  const path = raw.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const segments = path.slice(1).split('/');
  if (!PLAIN.test(path) || segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return undefined;
  const [first = '', ...rest] = segments;
  return VERSION.test(first) ? (rest.length === 0 ? undefined : `/${rest.join('/')}`) : path;
}
