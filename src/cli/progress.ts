import type { Context } from './context.ts';

const WIDTH = 24;
const FRAMES = ['|', '/', '-', '\\'];
/** Milliseconds before anything is shown. */
const QUIET = 1000;
const TICK = 150;
const CLEAR = '\r\u001b[K';

export interface Progress {
  /** Sets the current step, and how far it is if that is known. */
  update(label: string, done?: number, total?: number): void;
  /** Removes the line. */
  end(): void;
}

/** A line on standard error for work that takes longer than a second; nothing if that is not a terminal. */
export function startProgress(context: Context, label: string): Progress {
  if (context.stderr.isTTY !== true || context.env['TERM'] === 'dumb') return { update: () => {}, end: () => {} };
  const began = context.now();
  const state: { label: string; done: number | undefined; total: number | undefined } = { label, done: undefined, total: undefined };
  let frame = 0;
  let shown = false;
  const timer = setInterval(() => {
    const passed = context.now() - began;
    if (passed < QUIET) return;
    shown = true;
    frame += 1;
    context.stderr.write(CLEAR + progressLine({ ...state, frame, seconds: Math.floor(passed / 1000) }, context.stderr.columns || 80));
  }, TICK);
  // The timer must not keep the process alive.
  timer.unref();
  return {
    update: (next, done, total) => Object.assign(state, { label: next, done, total }),
    end: () => {
      clearInterval(timer);
      if (shown) context.stderr.write(CLEAR);
    },
  };
}

/** The current line: a bar if the total is known, otherwise a spinner. */
export function progressLine(
  { label, done, total, frame, seconds }: { label: string; done: number | undefined; total: number | undefined; frame: number; seconds: number }, columns: number,
): string {
  const known = done !== undefined && total !== undefined && total > 0;
  const share = known ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * WIDTH);
  const bar = known ? `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${Math.floor(share * 100)}%` : FRAMES[frame % FRAMES.length];
  // One column is left free: a line that fills the terminal would wrap, and could not be cleared.
  return `${bar} ${label} ${seconds} s`.slice(0, Math.max(0, columns - 1));
}

/** Where a progress line cannot be drawn, prints each new step once. */
export function telling(context: Context, update: (what: string) => void): (what: string) => void {
  let last = '';
  return (what) => {
    if (context.stderr.isTTY !== true && what !== last && what.startsWith('waiting')) context.stderr.write(`${what}\n`);
    last = what;
    update(what);
  };
}
