import { Refused } from '../../errors.ts';

/** Why a token is invalid, as stable codes: `errors[].code` is `oidc-<fault>`, and metrics use them as labels. */
export type TokenFault =
  | 'malformed' | 'issuer' | 'type' | 'critical' | 'algorithm' | 'key' | 'signature'
  | 'audience' | 'expired' | 'not-yet-valid' | 'lifetime' | 'claim';

/** The refusal of a token. `detail` is shown to its sender: it quotes nothing of the token but names, and says what was expected. */
export class RefusedToken extends Refused {
  readonly fault: TokenFault;

  constructor(fault: TokenFault, detail: string, at?: string) {
    super('unauthenticated', `The token is refused: ${detail}`, { faults: [{ code: `oidc-${fault}`, detail, ...(at === undefined ? {} : { at }) }] });
    this.fault = fault;
  }
}

const MOST_SHOWN = 100;

/** A value from a token in quotes, truncated, without control characters. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? String(value);
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);
};
