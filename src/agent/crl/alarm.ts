/** Calls for a look before its time. A call is not lost while nobody waits. */
export interface Alarm {
  readonly call: () => void;
  readonly clear: () => void;
  /** Calls back at once where it was called since it was cleared, else when it is. One at a time. */
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

/** Waits so many milliseconds, or until the alarm calls, or the work is to end. */
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

/** Milliseconds to wait after so many failures in a row: twice as long each time, up to `most`, and never the same for all who wait. */
export const backOff = (failures: number, most: number, random: () => number): number =>
  Math.min(most, FIRST * 2 ** Math.min(failures - 1, 30)) * (0.5 + random() / 2);
