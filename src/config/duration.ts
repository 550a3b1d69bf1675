const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

/** `90s`, `15m`, `12h`, `30d`, `2w`, `1y` (365 days); a plain number is seconds. */
export const DURATION_PATTERN = '^[0-9]{1,10}[smhdwy]?$';

/** Seconds, or undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  const unit = text.replace(/^[0-9]+/, '');
  return Number.parseInt(text, 10) * (SECONDS[unit] ?? 1);
}

/** The shortest text that `parseDuration` reads as the same: `7d` in place of `604800s`. */
export function formatDuration(seconds: number): string {
  const [unit, size] = Object.entries(SECONDS).filter(([name, value]) => 'smhd'.includes(name) && name !== '' && seconds % value === 0).at(-1) ?? ['s', 1];
  return seconds === 0 ? '0s' : `${seconds / size}${unit}`;
}
