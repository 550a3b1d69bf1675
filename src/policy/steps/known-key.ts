import { type EligibilityStep, concerns, failed, passed } from '../eligibility.ts';

/** Refuses a key that is certified for someone else while that certificate is valid: it was copied, or is not secret. */
export const knownKeyStep = (profiles: readonly string[] | undefined): EligibilityStep => ({
  name: 'known-key',
  check: async ({ profile, grant }, facts) => {
    if (!concerns(profiles, profile.name)) return passed(`keys of profile ${profile.name} may be anybody's`);
    const [held] = await facts.heldByOthers('key', [facts.question().key.hash]);
    if (held === undefined) return passed('the key is certified for nobody else');
    const about = `the key is certified for another requester by certificate ${held.serial} until ${new Date(held.until * 1000).toISOString()}`;
    return grant.operator === true ? passed(`${about}; an operator takes it over`) : failed([{ code: 'key-known', detail: `${about}; expected a new key` }]);
  },
});
