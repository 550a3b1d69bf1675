/** A periodic task; never more than one run at a time. */
export interface Upkeep {
  readonly stop: () => Promise<void>;
}

/**
 * Runs `work` again `interval` milliseconds after each run ended, until stopped. Failures are reported and do not end it.
 * The timer does not keep the process alive.
 */
export function keepUp(interval: number, work: () => Promise<void>, failed: (error: unknown) => void): Upkeep {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running = Promise.resolve();
  const run = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failed(error);
    }
    if (stopped) return;
    timer = setTimeout(start, interval);
    timer.unref();
  };
  const start = (): void => void (running = run());
  timer = setTimeout(start, interval);
  timer.unref();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
