import { type EligibilityStep, concerns, failed, isOwn, OWN, passed, type Verdict, waiting } from '../eligibility.ts';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface Window {
  /** Days on which the window opens; every day if absent. */
  readonly days?: readonly Weekday[];
  /** `HH:MM` in local time of the zone. `to` is exclusive, and may be on the next day: `22:00` to `06:00`. */
  readonly from: string;
  readonly to: string;
}

export interface TimeWindowSetting {
  /** An IANA time zone name such as `Europe/Berlin`. */
  readonly zone: string;
  readonly windows: readonly Window[];
  readonly outside: 'refuse' | 'wait';
  readonly profiles?: readonly string[];
}

const DAY = 1440;
const MINUTE = 60_000;
const WEEK = 7;

/** Restricts issuance to certain hours. Outside them a request is refused, or waits until they begin. */
export const timeWindowStep = ({ zone, windows, outside, profiles }: TimeWindowSetting): EligibilityStep => {
  const clock = zoneClock(zone);
  const judge = (profile: string, time: number): Verdict => {
    if (!concerns(profiles, profile)) return passed(`profile ${profile} is issued at any time`);
    const open = windows.find((window) => isOpen(window, clock(time)));
    if (open !== undefined) return passed(`${shown(clock(time))} ${zone} lies within ${words(open)}`);
    const opening = nextOpening(windows, clock, time);
    const about = `${shown(clock(time))} ${zone} lies outside ${windows.map(words).join(' and ')}`;
    const next = opening === undefined ? 'it never opens' : `it opens at ${shown(clock(opening))} ${zone} (${new Date(opening).toISOString()})`;
    return outside === 'wait' && opening !== undefined
      ? waiting(`${about}; ${next}, or an operator approves the request`, opening)
      : failed([{ code: 'outside-window', detail: `${about}; ${next}` }]);
  };
  return {
    name: 'time-window',
    check: ({ profile }, facts) => {
      const question = facts.question();
      return isOwn(question) ? passed(OWN) : judge(profile.name, question.time);
    },
    again: ({ profile, time }) => judge(profile, time),
  };
};

/** Local time. */
interface WallTime {
  readonly day: Weekday;
  /** Minutes since midnight. */
  readonly minutes: number;
}

type ZoneClock = (time: number) => WallTime;

/** Whether the time zone database contains the name. */
export function isZone(zone: string): boolean {
  try {
    zoneClock(zone)(0);
    // Offsets such as +02:00 would not follow daylight saving time.
    return !/^[+-]/.test(zone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}

function zoneClock(timeZone: string): ZoneClock {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return (time) => {
    const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
    return { day: String(parts['weekday']).toLowerCase() as Weekday, minutes: Number(parts['hour']) * 60 + Number(parts['minute']) };
  };
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

function isOpen({ days = WEEKDAYS, from, to }: Window, { day, minutes }: WallTime): boolean {
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  if (begin < end) return days.includes(day) && minutes >= begin && minutes < end;
  const before = WEEKDAYS[(WEEKDAYS.indexOf(day) + WEEK - 1) % WEEK] ?? day;
  return (days.includes(day) && minutes >= begin) || (days.includes(before) && minutes < end);
}

/** Minutes by which daylight saving time may shift clocks before an opening. */
const SHIFT = 120;

/**
 * The first whole minute after `time` at which a window is open, milliseconds; undefined if there is none within a week. The last two hours are
 * searched minute by minute, since clocks may be changed within them, and an opening may be skipped.
 */
function nextOpening(windows: readonly Window[], clock: ZoneClock, time: number): number | undefined {
  const first = Math.floor(time / MINUTE) * MINUTE + MINUTE;
  for (let at = first; at < first + (WEEK + 1) * DAY * MINUTE;) {
    const wall = clock(at);
    if (windows.some((window) => isOpen(window, wall))) return at;
    const left = Math.min(...windows.map((window) => untilBegin(window, wall)));
    at += Math.max(1, left - SHIFT) * MINUTE;
  }
  return undefined;
}

/** Minutes of local time until the window begins. */
function untilBegin({ days = WEEKDAYS, from }: Window, { day, minutes }: WallTime): number {
  const today = WEEKDAYS.indexOf(day);
  const inDays = [0, 1, 2, 3, 4, 5, 6, 7].filter((offset) => days.includes(WEEKDAYS[(today + offset) % WEEK] ?? day));
  return Math.min(...inDays.map((offset) => offset * DAY + minutesOf(from) - minutes).filter((left) => left > 0));
}

const capital = (day: Weekday): string => `${day.slice(0, 1).toUpperCase()}${day.slice(1)}`;

const shown = ({ day, minutes }: WallTime): string => `${capital(day)} ${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;

const words = ({ days, from, to }: Window): string => `${from} to ${to}${days === undefined ? '' : ` on ${days.map(capital).join(', ')}`}`;
