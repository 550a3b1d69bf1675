// Values as Go encodes them in JSON.

const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, 'µs': 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** Seconds of a duration such as `8760h` or `1h30m`; undefined if the text is not a positive duration. */
export function parseGoDuration(text: string): number | undefined {
  if (text.length > 64 || !/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) seconds += Number(number) * (UNITS[unit] ?? 0);
  return seconds > 0 && Number.isSafeInteger(Math.floor(seconds)) ? seconds : undefined;
}

/** `720h`, or the largest unit that yields a whole number. */
export function goDuration(seconds: number): string {
  for (const [unit, size] of [['h', 3600], ['m', 60]] as const) if (seconds % size === 0) return `${seconds / size}${unit}`;
  return `${seconds}s`;
}

/** Go's zero time, which means that it is not set. */
const ZERO = /^0001-01-01T00:00:00(?:\.0+)?Z$/;

/** Seconds since the epoch of an RFC 3339 time; undefined for Go's zero. @throws RangeError if it is not a time */
export function parseGoTime(text: string): number | undefined {
  if (ZERO.test(text)) return undefined;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new RangeError(`${JSON.stringify(text.slice(0, 64))} is not a time; expected one such as 2030-01-31T00:00:00Z`);
  return Math.floor(time / 1000);
}
