import { NEVER, type ObjectChange } from '../store/objects.ts';

/** Requests that wait, listed by when a step looks at them again. */
const KIND = 'waiting';
export const WAITING_INDEX = 'waiting/due';
/** Milliseconds that such a note stays after its time; the request itself stays, whoever decides about it then. */
const KEPT = 90 * 86_400_000;

/** That a request is to be looked at again at `due`, milliseconds. @param expected the note's version as it is; 0 where there is none */
export const againAt = (id: string, due: number, expected = 0): ObjectChange =>
  ({ kind: KIND, id, expected, put: { value: {}, expires: Math.min(NEVER, due + KEPT), indexes: [{ index: WAITING_INDEX, order: due }] } });

/** That nothing is left to look at. */
export const notAgain = (id: string, expected: number): ObjectChange => ({ kind: KIND, id, expected, put: undefined });
