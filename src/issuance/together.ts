/** At 130 us each they hold the event loop for some 4 ms. Of 64 at once, half is worked on while the other half goes to the disk. */
const MOST = 32;

/**
 * A gate for work of the processor that comes bit by bit, each bit with the reading of its own socket. What comes in one turn of the event
 * loop passes together, at most `most`; the rest in the next turns, with sockets and timers served in between. Code and tables then stay
 * in the processor's caches from one piece of work to the next: measured with 64 requests at once, a fifth to a quarter less time
 * for each. One that is alone waits for some microseconds.
 */
export function together(most = MOST): () => Promise<void> {
  const waiting: (() => void)[] = [];
  const turn = (): void => {
    for (const pass of waiting.splice(0, most)) pass();
    if (waiting.length > 0) setImmediate(turn);
  };
  return () => new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(turn);
  });
}
