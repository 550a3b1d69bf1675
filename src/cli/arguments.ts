import { InvalidArgumentError, type Command } from 'commander';
import { parseDuration } from '../config/duration.ts';

/** A duration as the configuration and the API accept it: `30d`, `12h`, `90m`, `60s`; a plain number means seconds. */
export function durationArgument(text: string): string {
  if (parseDuration(text) === undefined) throw new InvalidArgumentError('Expected a number and one of s, m, h, d, w, y, such as 24h.');
  return text;
}

/** A parser of integers from `least` to `most`. */
export const integerArgument = (least: number, most: number) => (text: string): number => {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  return value;
};

/** A serial number in any usual notation, converted to that of the API: lower-case hex without colons. */
export function serialArgument(text: string): string {
  const serial = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{1,40}$/.test(serial)) throw new InvalidArgumentError('Expected a serial number: at most 40 hex digits, with or without colons.');
  return serial;
}

/** A point in time for the API: an ISO 8601 time or date, or a span such as `7d` from (or, with `past`, before) now. */
export const timeArgument = (now: () => number, direction: 'past' | 'future') => (text: string): string => {
  // Digits alone are taken for a year.
  const span = /^[0-9]+$/.test(text) ? undefined : parseDuration(text);
  const at = span === undefined ? Date.parse(text) : now() + (direction === 'past' ? -1 : 1) * span * 1000;
  if (!(Math.abs(at) <= MOST_TIME)) throw new InvalidArgumentError('Expected a date, an ISO 8601 time, or a span such as 7d.');
  return new Date(at).toISOString();
};

/** The latest time that a Date can represent, in milliseconds (ECMA-262 section 21.4.1.1). */
const MOST_TIME = 8.64e15;

/** Appends examples to a command's help: pairs of a description and its arguments. */
export const withExamples = (command: Command, examples: readonly (readonly [what: string, line: string])[]): Command =>
  command.addHelpText('after', `\nExamples:\n${examples.map(([what, line]) => `  # ${what}\n  ${line}\n`).join('')}`);

export const JSON_OPTION = ['--json', 'write only JSON to standard output'] as const;
