/** A message in cfssl's envelope. */
interface Message {
  readonly code: number;
  readonly message: string;
}

/** The form of every response of cfssl's API; `result` is null in a refusal. */
export interface Envelope {
  readonly success: boolean;
  readonly result: unknown;
  readonly errors: readonly Message[];
  readonly messages: readonly Message[];
}

export const succeeded = (result: unknown): Envelope => ({ success: true, result, errors: [], messages: [] });
export const failed = (code: number, message: string): Envelope => ({ success: false, result: null, errors: [{ code, message }], messages: [] });
