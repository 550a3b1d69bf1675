import type { BlockList } from '../block-list.ts';
import { type EligibilityStep, failed, passed } from '../eligibility.ts';
import { keyFaults } from '../key-strength.ts';

/** Checks the key: of an allowed type, none of the known weak ones, and on no block list. */
export const keyStep = (blockLists: readonly BlockList[]): EligibilityStep => ({
  name: 'key',
  check: ({ publicKey, profile }) => {
    const faults = keyFaults(publicKey, { keyTypes: profile.keyTypes, blockLists });
    return faults.length > 0 ? failed(faults) : passed(`${publicKey.type} key of ${publicKey.bits} bits, allowed by profile ${profile.name}`);
  },
});
