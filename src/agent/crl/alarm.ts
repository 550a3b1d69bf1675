/** Requests a poll ahead of schedule. A request made while nobody is waiting is not lost. */
export interface Alarm {
  readonly call: () => void;
  readonly clear: () => void;
  /** Calls back at once if the alarm has been raised since it was last cleared, else when it is. One listener at a time. */
  readonly onCall: (listener: (() => void) | undefined) => void;
}

export function alarm(): Alarm {
  let called = false;
  let listener: (() => void) | undefined;
  return {
    call: () => {
      called = true;
      listener?.();
    },
    clear: () => { called = false; },
    onCall: (next) => {
      listener = next;
      if (called) next?.();
    },
  };
}

/** Waits this many milliseconds, or until the alarm is raised or work is to stop. */
export type Pause = (milliseconds: number, until?: Alarm) => Promise<void>;

export const pauseUnless = (signal: AbortSignal): Pause => (milliseconds, until) => new Promise((resolve) => {
  if (signal.aborted) return resolve();
  const done = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', done);
    until?.onCall(undefined);
    resolve();
  };
  const timer = setTimeout(done, milliseconds);
  signal.addEventListener('abort', done);
  until?.onCall(done);
});

const FIRST = 1000;

/** Milliseconds to wait after consecutive failures: doubled each time, up to `most`, with random jitter. */
export const backOff = (failures: number, most: number, random: () => number): number =>
  Math.min(most, FIRST * 2 ** Math.min(failures - 1, 30)) * (0.5 + random() / 2);
