/** At 130 us each, 32 hold the event loop for about 4 ms. Of 64 concurrent requests, half are processed while the other half is written. */
const MOST = 32;

/**
 * Batches CPU-bound work that arrives piecemeal, each piece with the read of its own socket. Whatever arrives in one turn of the event loop
 * passes together, up to `most`; the rest follows in later turns, with sockets and timers served in between. Code and tables then stay in
 * the processor's caches from one piece to the next: with 64 concurrent requests, this measured a fifth to a quarter less time for each.
 * A lone request is delayed by some microseconds.
 */
export function batchPerTurn(most = MOST): () => Promise<void> {
  const waiting: (() => void)[] = [];
  const turn = (): void => {
    for (const pass of waiting.splice(0, most)) pass();
    if (waiting.length > 0) setImmediate(turn);
  };
  return () => new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(turn);
  });
}
