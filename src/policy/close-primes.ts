/** Squares modulo 2^8 and modulo 3*3*5*7*11: together they let only 1 in 70 non-squares pass. */
const BINARY_SQUARES = squaresModulo(256);
const ODD_MODULUS = 3465;
const ODD_SQUARES = squaresModulo(ODD_MODULUS);

function squaresModulo(modulus: number): Uint8Array {
  const squares = new Uint8Array(modulus);
  for (let n = 0; n < modulus; n++) squares[(n * n) % modulus] = 1;
  return squares;
}

/** The largest integer whose square is at most `n`, for non-negative `n`. Newton's method, starting from the root of the upper half of the bits. */
export function integerSquareRoot(n: bigint): bigint {
  if (n < 1n << 52n) return BigInt(Math.floor(Math.sqrt(Number(n))));
  const quarter = BigInt(n.toString(16).length);
  // The start is never below the root, so the sequence decreases until it reaches it.
  let root = (integerSquareRoot(n >> (2n * quarter)) + 1n) << quarter;
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function isSquare(n: bigint): boolean {
  if (BINARY_SQUARES[Number(BigInt.asUintN(8, n))] === 0) return false;
  if (ODD_SQUARES[Number(n % BigInt(ODD_MODULUS))] === 0) return false;
  const root = integerSquareRoot(n);
  return root * root === n;
}

/**
 * Whether Fermat's method factors an odd number within the given number of rounds: its factors are then so close to each other that anyone can
 * find them (CVE-2022-26320; Baseline Requirements 6.1.1.3 require 100 rounds).
 * @param root `integerSquareRoot(n)`; returns false for a perfect square, which the caller must detect
 */
export function hasClosePrimes(n: bigint, root: bigint, rounds: number): boolean {
  if (root * root === n) return false;
  let a = root + 1n;
  let difference = a * a - n;
  for (let round = 0; round < rounds; round++) {
    if (isSquare(difference)) return true;
    difference += 2n * a + 1n;
    a += 1n;
  }
  return false;
}
