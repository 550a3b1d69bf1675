import { type EligibilityStep, failed, passed } from '../eligibility.ts';
import { keyFaults } from '../key-strength.ts';

/** The key: of an allowed type, and none of the known weak ones. */
export const keyStep: EligibilityStep = {
  name: 'key',
  check: ({ publicKey, profile }) => {
    const faults = keyFaults(publicKey, { keyTypes: profile.keyTypes });
    return faults.length > 0 ? failed(faults) : passed(`${publicKey.type} key of ${publicKey.bits} bits, allowed by profile ${profile.name}`);
  },
};
