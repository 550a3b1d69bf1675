import { type EligibilityStep, concerns, failed, type HeldByOther, passed, waiting } from '../eligibility.ts';

export interface NameOwnershipSetting {
  /** How to treat a request for a name that someone else owns. */
  readonly otherwise: 'refuse' | 'wait';
  readonly profiles?: readonly string[];
}

/**
 * Refuses a name issued to someone else while a certificate for it is valid. Operators with scope admin may take it over, and, if so configured,
 * so may anyone whose request an operator approves.
 */
export const nameOwnershipStep = ({ otherwise, profiles }: NameOwnershipSetting): EligibilityStep => ({
  name: 'name-ownership',
  check: async ({ profile, names, grant }, facts) => {
    if (!concerns(profiles, profile.name)) return passed(`names of profile ${profile.name} belong to nobody`);
    const held = await facts.heldByOthers('name', names.map(({ kind, value }) => `${kind}:${value}`));
    if (held.length === 0) return passed(names.length === 1 ? 'the name is held by nobody else' : 'the names are held by nobody else');
    if (grant.operator === true) return passed(`an operator takes over ${held.map(shown).join(', ')}`);
    if (otherwise === 'wait') return waiting(`${held.map(shown).join('; ')}; an operator's approval takes ${held.length === 1 ? 'it' : 'them'} over`);
    return failed(held.map((one) => ({
      code: 'name-held', detail: `${shown(one)}; expected a name of your own, that certificate revoked, or the name released by an operator (chancery names release)`,
    })));
  },
});

/** Describes a name by its text, which shows its kind; the owner is not revealed. */
const shown = ({ what, serial, until }: HeldByOther): string =>
  `${JSON.stringify(what.slice(what.indexOf(':') + 1))} is held by another requester by certificate ${serial} until ${new Date(until * 1000).toISOString()}`;
