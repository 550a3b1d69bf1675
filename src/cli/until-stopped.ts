/** Runs until SIGTERM or SIGINT. */
export async function untilStopped(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, end);
  try {
    await work(stop.signal);
  } finally {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.removeListener(name, end);
  }
}
