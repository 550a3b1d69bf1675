import { type Context, mayColour } from './context.ts';

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;
export type Style = keyof typeof STYLES;

/** A function that styles text for standard output (or error), or returns it unchanged if colours are not supported. */
export function painter(context: Context, stream: 'stdout' | 'stderr' = 'stdout'): (style: Style, text: string) => string {
  if (!mayColour(context[stream], context.env)) return (_style, text) => text;
  return (style, text) => `\u001b[${STYLES[style][0]}m${text}\u001b[${STYLES[style][1]}m`;
}

/**
 * Makes untrusted text safe to print on a terminal: control characters (which include escape sequences) and characters that change the
 * direction of writing are replaced by their code.
 */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);

/** Formats milliseconds, or an ISO 8601 time, as `2026-11-23 13:18 UTC`; a text that is not a time is returned unchanged. */
export function showTime(time: string | number | undefined): string {
  if (time === undefined) return '-';
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? printable(String(time)) : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const SPANS: readonly (readonly [seconds: number, name: string])[] = [[31_557_600, 'year'], [86_400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];

/** Formats seconds in the largest suitable unit: `29 days`. Years are used from two on, since `700 days` is harder to grasp. */
export function showSpan(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [size, name] = SPANS.find(([unit, label]) => whole >= (label === 'year' ? 2 * unit : unit)) ?? [1, 'second'];
  const count = Math.floor(whole / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** A time with its distance from now: `2026-11-23 13:18 UTC (in 29 days)`. `now` in milliseconds. */
export function showTimeFrom(now: number, time: string | number | undefined): string {
  const at = time === undefined ? Number.NaN : new Date(time).getTime();
  if (Number.isNaN(at)) return showTime(time);
  return `${showTime(at)} (${at >= now ? `in ${showSpan((at - now) / 1000)}` : `${showSpan((now - at) / 1000)} ago`})`;
}

/** Rows under their headings, in aligned columns two spaces apart; every line ends in a line feed. Cells are made printable. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], paint: (style: Style, text: string) => string): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd();
  return [paint('bold', line(heads)), ...cells.map(line), ''].join('\n');
}

/** Lines of `label  value` with aligned values. Undefined values are left out. */
export function fields(pairs: readonly (readonly [label: string, value: string | undefined])[], paint: (style: Style, text: string) => string): string {
  const width = Math.max(...pairs.map(([label]) => label.length));
  return pairs.flatMap(([label, value]) => (value === undefined ? [] : [`${paint('dim', label.padEnd(width))}  ${printable(value)}\n`])).join('');
}
