import { SMALL_PRIMES } from './small-primes.ts';

/**
 * The fingerprint of keys made by Infineon's RSA library (CVE-2017-15361).
 * Source: Nemec, Sys, Svenda, Klinec, Matyas, "The Return of Coppersmith's Attack", ACM CCS 2017, section 2.
 *
 * Their primes have the form k*M + (65537^a mod M), M being the product of the first primes. So the modulus is a power
 * of 65537 modulo M: there is one exponent that fits modulo every small prime. All their key sizes use at least the
 * primes to 167, and a random modulus passes for these with a chance below 2^-150.
 */
const GENERATOR = 65537;
const LARGEST_PRIME = 167;

interface Logarithms {
  /** Where the prime stands in `SMALL_PRIMES`. */
  readonly index: number;
  readonly order: number;
  /** By residue: the exponent of 65537 that gives it, or -1 where none does. */
  readonly table: Int16Array;
}

// 2 says nothing: every modulus is odd.
const TABLES: readonly Logarithms[] = SMALL_PRIMES.flatMap((prime, index) =>
  prime > 2 && prime <= LARGEST_PRIME ? [logarithms(prime, index)] : []);

function logarithms(prime: number, index: number): Logarithms {
  const table = new Int16Array(prime).fill(-1);
  let power = 1;
  let order = 0;
  while (table[power] === -1) {
    table[power] = order++;
    power = (power * GENERATOR) % prime;
  }
  return { index, order, table };
}

/**
 * Whether a modulus has the fingerprint.
 * @param residues of the modulus, as `smallResidues` gives them
 */
export function hasRocaFingerprint(residues: readonly number[]): boolean {
  const exponents: number[] = [];
  for (const { index, table } of TABLES) {
    const exponent = table[residues[index]!]!;
    if (exponent < 0) return false;
    exponents.push(exponent);
  }
  return fitsOneExponent(exponents);
}

/** Chinese remainder theorem: congruences have a common solution when each two of them agree modulo the gcd of their moduli. */
function fitsOneExponent(exponents: readonly number[]): boolean {
  for (let i = 1; i < exponents.length; i++) {
    for (let j = 0; j < i; j++) {
      const common = greatestCommonDivisor(TABLES[i]!.order, TABLES[j]!.order);
      if ((exponents[i]! - exponents[j]!) % common !== 0) return false;
    }
  }
  return true;
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
