/** The primes below 752, by which a modulus must not be divisible according to Baseline Requirements 6.1.6. */
export const SMALL_PRIMES: readonly number[] = primesBelow(752);

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let n = 2; n < limit; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes;
}

interface Group {
  readonly product: bigint;
  readonly primes: readonly number[];
}

/** Primes grouped such that each product is an exact double: a single big division then serves several primes. */
const GROUPS: readonly Group[] = grouped(SMALL_PRIMES);

function grouped(primes: readonly number[]): Group[] {
  const groups: Group[] = [];
  let members: number[] = [];
  let product = 1;
  const close = (): void => {
    if (members.length > 0) groups.push({ product: BigInt(product), primes: members });
  };
  for (const prime of primes) {
    if (product * prime > Number.MAX_SAFE_INTEGER) {
      close();
      members = [];
      product = 1;
    }
    members.push(prime);
    product *= prime;
  }
  close();
  return groups;
}

/** The residues of a positive number modulo each of `SMALL_PRIMES`, in order. */
export function smallResidues(n: bigint): readonly number[] {
  const residues: number[] = [];
  for (const group of GROUPS) {
    const remainder = Number(n % group.product);
    for (const prime of group.primes) residues.push(remainder % prime);
  }
  return residues;
}
