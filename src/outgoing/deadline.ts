/** The reason given by `within` when time is up. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';
}

/** Runs work with a signal that fires after `milliseconds`, or when `signal` does. Cleans up when the work is done. */
export async function within<T>(milliseconds: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(timeUp(milliseconds)), milliseconds);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/**
 * The result, or a rejection with TimeUp after `milliseconds`, or with the signal's reason when that fires, whichever comes first. A late result is
 * dropped. For work that does not accept a signal: it costs a fifth of `within`.
 */
export function inTime<T>(milliseconds: number, signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => settle(() => reject(signal.reason as Error));
    const timer = setTimeout(() => settle(() => reject(timeUp(milliseconds))), milliseconds);
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      how();
    };
    work.then((result) => settle(() => resolve(result)), (error: Error) => settle(() => reject(error)));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

const timeUp = (milliseconds: number): TimeUp => new TimeUp(`not done within ${milliseconds} ms`);
