import { NEVER, type ObjectChange } from '../store/objects.ts';

const KIND = 'waiting';
/** Index of the waiting requests, ordered by when their steps are to be checked again. */
export const RECHECK_INDEX = 'waiting/due';
/** Milliseconds an entry outlives its due time. The request itself stays, whoever decides about it later. */
const KEPT = 90 * 86_400_000;

/** Schedules the next check of a request for `due`, in milliseconds. @param expected the entry's present version; 0 if there is none */
export const scheduleRecheck = (id: string, due: number, expected = 0): ObjectChange =>
  ({ kind: KIND, id, expected, put: { value: {}, expires: Math.min(NEVER, due + KEPT), indexes: [{ index: RECHECK_INDEX, order: due }] } });

/** Removes the entry: nothing is left to check. */
export const cancelRecheck = (id: string, expected: number): ObjectChange => ({ kind: KIND, id, expected, put: undefined });
