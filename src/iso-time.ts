/** RFC 3339 in UTC, without fractions of a second. */
export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
