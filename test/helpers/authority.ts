import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { LoadedAuthorities } from '../../src/authority/authority.ts';
import { type InitResult, initAuthorities } from '../../src/authority/ceremony.ts';
import { loadAuthorities } from '../../src/authority/load.ts';
import type { InitOptions } from '../../src/authority/options.ts';
import { temporaryFolder } from './folder.ts';

/** Seconds since the epoch by this machine's clock, which OpenSSL uses too. */
export const systemClock = (): number => Math.floor(Date.now() / 1000);

/** Options of `init` for tests: a root and an issuing authority with P-256 keys by default. */
export const initOptions = (data: string, options: Partial<InitOptions> = {}): InitOptions =>
  ({ data, mode: 'internal', clock: systemClock, random: randomBytes, ...options });

export interface TestAuthorities {
  readonly data: string;
  readonly made: InitResult;
  readonly authorities: LoadedAuthorities;
}

/** Authorities in a new folder. Not for mode `external`, which waits for another CA. */
export async function makeTestAuthorities(options: Partial<Omit<InitOptions, 'data'>> = {}): Promise<TestAuthorities> {
  const data = join(temporaryFolder(), 'data');
  const made = await initAuthorities(initOptions(data, options));
  return { data, made, authorities: await loadAuthorities(data, options.passphrase) };
}
