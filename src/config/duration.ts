const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

/** `90s`, `15m`, `12h`, `30d`, `2w`, `1y` (365 days); a plain number is seconds. */
export const DURATION_PATTERN = '^[0-9]{1,10}[smhdwy]?$';

/** Seconds, or undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  const unit = text.replace(/^[0-9]+/, '');
  return Number.parseInt(text, 10) * (SECONDS[unit] ?? 1);
}

/** The text with the largest unit that fits: `7d` for 604800. `parseDuration` reads it as the same. */
export function formatDuration(seconds: number): string {
  const unit = seconds === 0 ? 's' : (['d', 'h', 'm'].find((candidate) => seconds % (SECONDS[candidate] ?? 1) === 0) ?? 's');
  return `${seconds / (SECONDS[unit] ?? 1)}${unit}`;
}
