/** Upper bound of addresses counted per name; higher counts are reported as this many. */
const MOST = 20_000;
/** Milliseconds covered by each of the two windows. */
const WINDOW = 1_800_000;

/** Counts distinct addresses per name over the last 30 to 60 minutes: how many clients poll a CRL. */
export class Pollers {
  readonly #clock: () => number;
  #began: number;
  #now = new Map<string, Set<string>>();
  #before = new Map<string, Set<string>>();

  /** @param clock milliseconds since the epoch */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#began = clock();
  }

  saw(name: string, address: string): void {
    this.#turn();
    let seen = this.#now.get(name);
    if (seen === undefined) this.#now.set(name, seen = new Set());
    if (seen.size < MOST) seen.add(address);
  }

  count(name: string): number {
    this.#turn();
    const [now, before] = [this.#now.get(name) ?? new Set(), this.#before.get(name) ?? new Set()];
    let both = now.size;
    for (const address of before) if (!now.has(address)) both += 1;
    return both;
  }

  #turn(): void {
    const passed = this.#clock() - this.#began;
    if (passed >= 0 && passed < WINDOW) return;
    this.#before = passed >= 0 && passed < 2 * WINDOW ? this.#now : new Map<string, Set<string>>();
    this.#now = new Map();
    this.#began = this.#clock();
  }
}
