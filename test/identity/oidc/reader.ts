import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { Refused } from '../../../src/errors.ts';
import type { Identity } from '../../../src/identity/identity.ts';
import { oidcTokens } from '../../../src/identity/oidc/oidc-token.ts';
import { oidcIssuers } from '../../../src/oidc-issuers.ts';
import { temporaryFolder } from '../../helpers/folder.ts';

/** The configuration with these issuers, read from a file as a user writes it. */
export function configured(issuers: object, more: object = {}): Config {
  const folder = temporaryFolder('oidc');
  writeFileSync(join(folder, 'chancery.yaml'), JSON.stringify({ oidc: { ...more, issuers } }), { mode: 0o600 });
  return loadConfig({ file: 'chancery.yaml', env: {}, folder, machine: 'machine' });
}

export interface Reader {
  readonly identify: (token: string) => Promise<Identity>;
  /** The first fault's code of the refusal, or the refusal's own. */
  readonly refusal: (token: string) => Promise<string>;
  readonly refused: (token: string) => Promise<Refused>;
  /** `issuer outcome` of each token. */
  readonly counted: string[];
  /** How each fetch of keys ended. */
  readonly fetched: string[];
}

export function readerOf(config: Config, clock: () => number = Date.now): Reader {
  const counted: string[] = [];
  const fetched: string[] = [];
  const issuers = oidcIssuers(config, clock, { fetched: (_issuer, error) => void fetched.push(error?.message ?? 'ok') });
  const reader = oidcTokens({ issuers, counted: (issuer, outcome) => void counted.push(`${issuer} ${outcome}`) });
  const identify = async (token: string): Promise<Identity> => {
    if (!reader.reads(token)) throw new TypeError('no token of this kind');
    const nothing = { get: () => Promise.reject(new TypeError('nothing is looked up')) };
    return reader.identify(token, { tokens: nothing, apiKeys: nothing, now: clock() });
  };
  const refused = async (token: string): Promise<Refused> => {
    const outcome = await identify(token).then(() => undefined, (error: unknown) => error);
    if (outcome instanceof Refused) return outcome;
    throw outcome instanceof Error ? outcome : new TypeError('the token was accepted');
  };
  return {
    counted, fetched, identify, refused,
    refusal: async (token) => {
      const { code, faults } = await refused(token);
      return faults[0]?.code ?? code;
    },
  };
}
