const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

/** `90s`, `15m`, `12h`, `30d`, `2w`, `1y` (365 days); a plain number means seconds. */
export const DURATION_PATTERN = '^[0-9]{1,10}[smhdwy]?$';

/** The duration in seconds, or undefined if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  const unit = text.replace(/^[0-9]+/, '');
  return Number.parseInt(text, 10) * (SECONDS[unit] ?? 1);
}

/** Formats with the largest unit that divides the value: `7d` for 604800. The inverse of `parseDuration`. */
export function formatDuration(seconds: number): string {
  const unit = seconds === 0 ? 's' : (['d', 'h', 'm'].find((candidate) => seconds % (SECONDS[candidate] ?? 1) === 0) ?? 's');
  return `${seconds / (SECONDS[unit] ?? 1)}${unit}`;
}
