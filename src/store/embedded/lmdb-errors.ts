import { StoreUnavailable } from '../store.ts';

/** Runs a read. LMDB's errors, which carry a number, and system errors become StoreUnavailable; all others are programming errors and pass through. */
export function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isFromStore(error) ? new StoreUnavailable(`the store cannot be read: ${error.message}`, { cause: error }) : error;
  }
}

const isFromStore = (error: unknown): error is Error =>
  error instanceof Error && (typeof (error as { code?: unknown }).code === 'number' || (error as { syscall?: unknown }).syscall !== undefined);

/** Why a commit failed. The binding hides that in a promise within its error, whose rejection nothing else would handle. */
export async function causeOf(error: unknown): Promise<StoreUnavailable> {
  const hidden = (error as { commitError?: Promise<never> }).commitError;
  const reason: unknown = hidden === undefined ? error : await hidden.catch((inner: unknown) => inner);
  return new StoreUnavailable(`the store cannot be written: ${reason instanceof Error ? reason.message : String(reason)}`, { cause: reason });
}
