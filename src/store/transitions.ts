import { type RequestRecord, TRANSITIONS } from '../issuance/request.ts';

/** @throws RangeError for a transition that is not allowed */
export function assertTransition(from: RequestRecord['state'], to: RequestRecord['state']): void {
  if (!TRANSITIONS[from].includes(to)) throw new RangeError(`a request that is ${from} cannot become ${to}`);
}

/** @throws RangeError unless both are pending and the same request */
export function assertAmendment(seen: RequestRecord, record: RequestRecord): void {
  if (seen.state !== 'pending' || record.state !== 'pending' || seen.id !== record.id) throw new RangeError('only a request that waits can be amended, and goes on waiting');
}
