import type { PublicKey } from '../x509/public-key.ts';
import type { BlockList } from './block-list.ts';
import { hasClosePrimes, integerSquareRoot } from './close-primes.ts';
import { hasRocaFingerprint } from './roca.ts';
import { SMALL_PRIMES, smallResidues } from './small-primes.ts';

export type KeyFaultCode =
  | 'key-type-not-allowed' | 'rsa-size' | 'rsa-exponent'
  | 'rsa-even' | 'rsa-small-factor' | 'rsa-pattern' | 'rsa-biased' | 'rsa-square' | 'rsa-close-primes' | 'rsa-roca'
  | 'key-blocked';

/** A reason why a public key must not be certified. */
export interface KeyFault {
  readonly code: KeyFaultCode;
  readonly detail: string;
}

/** A profile's requirements for keys. */
export interface KeyPolicy {
  /** `P-256`, `P-384`, `P-521`, `Ed25519`, `RSA-2048`, `RSA-3072`, `RSA-4096`, or `RSA` for any size from 2048 to 4096. */
  readonly keyTypes: readonly string[];
  readonly blockLists?: readonly BlockList[];
}

/** Baseline Requirements 6.1.5 define the minimum; the maximum bounds the work of verifiers. */
export const LEAST_RSA_BITS = 2048;
export const MOST_RSA_BITS = 4096;

/** NIST SP 800-89 5.3.3 and Baseline Requirements 6.1.6 allow others, but practically everyone uses this one. */
export const RSA_EXPONENT = 65537;

/** Rounds of Fermat's method. Baseline Requirements 6.1.1.3 require 100. */
const FERMAT_ROUNDS = 110;

/** A run of this many equal octets occurs by chance in one of 2^100 keys: part of a prime kept its initial filling. */
const LONGEST_RUN = 15;

/** In a random 2048-bit modulus, the share of set bits lies outside these bounds once in 2^60 keys. */
const LEAST_SET_BITS = 0.4;
const MOST_SET_BITS = 0.6;

/** An RSA modulus of acceptable size, with precomputed values that several checks need. */
interface Modulus {
  readonly octets: Uint8Array;
  readonly value: bigint;
  /** Residues modulo each of `SMALL_PRIMES`. */
  readonly residues: readonly number[];
  readonly root: bigint;
}

interface ModulusCheck {
  readonly code: KeyFaultCode;
  readonly citation: string;
  /** Returns what is wrong, or undefined. */
  readonly fault: (modulus: Modulus) => string | undefined;
}

const MODULUS_CHECKS: readonly ModulusCheck[] = [
  {
    code: 'rsa-even',
    citation: 'BR 6.1.6',
    fault: ({ octets }) => (octets.at(-1)! & 1) === 0 ? 'the modulus is even' : undefined,
  },
  {
    code: 'rsa-small-factor',
    citation: 'BR 6.1.6',
    fault: ({ residues }) => {
      const index = residues.indexOf(0, 1);
      return index < 0 ? undefined : `the modulus is divisible by ${SMALL_PRIMES[index]}`;
    },
  },
  {
    code: 'rsa-square',
    citation: 'BR 6.1.6',
    fault: ({ value, root }) => root * root === value ? 'the modulus is a square' : undefined,
  },
  {
    code: 'rsa-pattern',
    citation: 'BR 6.1.1.3',
    fault: ({ octets }) => hasLongRun(octets) ? `${LONGEST_RUN} octets of the modulus in a row are equal` : undefined,
  },
  {
    code: 'rsa-biased',
    citation: 'BR 6.1.1.3',
    fault: ({ octets }) => {
      const share = shareOfSetBits(octets);
      return share < LEAST_SET_BITS || share > MOST_SET_BITS ? `${Math.round(share * 100)}% of the modulus's bits are set` : undefined;
    },
  },
  {
    code: 'rsa-close-primes',
    citation: 'BR 6.1.1.3, CVE-2022-26320',
    fault: ({ value, root }) => hasClosePrimes(value, root, FERMAT_ROUNDS) ? "the primes are so close that Fermat's method finds them" : undefined,
  },
  {
    code: 'rsa-roca',
    citation: 'BR 6.1.1.3, CVE-2017-15361',
    fault: ({ residues }) => hasRocaFingerprint(residues) ? 'the modulus has the fingerprint of the broken Infineon library (ROCA)' : undefined,
  },
];

/**
 * Faults of a public key that can be found without arithmetic: type, size, exponent. To be checked before a signature made with the key is
 * verified, so that a huge key costs nothing.
 */
export function cheapKeyFaults(key: PublicKey, policy: KeyPolicy): readonly KeyFault[] {
  if (key.type !== 'RSA') return policy.keyTypes.includes(key.type) ? NONE : [notAllowed(key.type, policy)];
  const faults: KeyFault[] = [];
  if (key.bits < LEAST_RSA_BITS || key.bits > MOST_RSA_BITS || key.bits % 8 !== 0) {
    const detail = `RSA keys have ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits, a multiple of 8; this one has ${key.bits} (BR 6.1.5)`;
    faults.push({ code: 'rsa-size', detail });
  }
  if (!policy.keyTypes.includes('RSA') && !policy.keyTypes.includes(`RSA-${key.bits}`)) faults.push(notAllowed(`RSA-${key.bits}`, policy));
  if (!isUsualExponent(key)) faults.push({ code: 'rsa-exponent', detail: `the public exponent is not ${RSA_EXPONENT} (BR 6.1.6)` });
  return faults;
}

/** All faults of a public key; if the cheap checks find any, only those. Takes under 2 ms for RSA, next to nothing for other types. */
export function keyFaults(key: PublicKey, policy: KeyPolicy): readonly KeyFault[] {
  const cheap = cheapKeyFaults(key, policy);
  if (cheap.length > 0) return cheap;
  const blocked = blockedBy(key, policy.blockLists);
  if (key.modulus === undefined) return blocked;
  const modulus = modulusOf(key.modulus);
  const faults = [...blocked];
  for (const { code, citation, fault } of MODULUS_CHECKS) {
    const detail = fault(modulus);
    if (detail !== undefined) faults.push({ code, detail: `${detail} (${citation})` });
  }
  return faults;
}

const NONE: readonly KeyFault[] = [];

function notAllowed(type: string, policy: KeyPolicy): KeyFault {
  return { code: 'key-type-not-allowed', detail: `a key of type ${type} is not among those allowed: ${policy.keyTypes.join(', ')}` };
}

function blockedBy(key: PublicKey, lists: readonly BlockList[] = []): readonly KeyFault[] {
  if (lists.length === 0) return NONE;
  return lists.filter((list) => list.has(key)).map((list) => ({ code: 'key-blocked', detail: `the key is on a block list: ${list.name} (BR 6.1.1.3)` }));
}

function isUsualExponent(key: PublicKey): boolean {
  const e = key.exponent;
  return e !== undefined && e.length === 3 && e[0] === 1 && e[1] === 0 && e[2] === 1;
}

function modulusOf(octets: Uint8Array): Modulus {
  const value = BigInt(`0x${Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex')}`);
  return { octets, value, residues: smallResidues(value), root: integerSquareRoot(value) };
}

function hasLongRun(octets: Uint8Array): boolean {
  let run = 1;
  for (let i = 1; i < octets.length; i++) {
    run = octets[i] === octets[i - 1] ? run + 1 : 1;
    if (run === LONGEST_RUN) return true;
  }
  return false;
}

function shareOfSetBits(octets: Uint8Array): number {
  let set = 0;
  for (let octet of octets) for (; octet !== 0; octet &= octet - 1) set++;
  return set / (octets.length * 8);
}
