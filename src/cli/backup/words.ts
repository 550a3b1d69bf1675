const UNITS = ['octets', 'kB', 'MB', 'GB', 'TB'];

/** Formats a size as `12.3 MB`. */
export function showBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** The kinds of items in words, in order of display. */
const WORDS: readonly (readonly [kind: string, one: string, many: string])[] = [
  ['request', 'request', 'requests'], ['token', 'token', 'tokens'], ['api-key', 'API key', 'API keys'], ['blocked-key', 'blocked key', 'blocked keys'],
  ['revocation', 'revocation', 'revocations'], ['crl', 'CRL', 'CRLs'], ['object', 'object', 'objects'],
];

/** Formats a tally as `1,200 requests, 3 tokens`. */
export const showItems = (items: Readonly<Record<string, number>>): string => {
  const words = WORDS.flatMap(([kind, one, many]) => (items[kind] === undefined ? [] : [`${items[kind]} ${items[kind] === 1 ? one : many}`]));
  return words.length === 0 ? 'nothing' : words.join(', ');
};
