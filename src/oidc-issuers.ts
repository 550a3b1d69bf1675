import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ruleOf } from './config/rule-schema.ts';
import { type IssuerSettings, issuersOf } from './config/oidc-issuers.ts';
import type { Config } from './config/config.ts';
import { fetchIssuerKeys } from './identity/oidc/fetch-keys.ts';
import { fetchedKeys, fixedKeys, type KeySource } from './identity/oidc/key-source.ts';
import { type KeySet, parseKeySet } from './identity/oidc/key-set.ts';
import type { Issuer } from './identity/oidc/oidc-token.ts';
import { compileRule } from './identity/rules/rule.ts';
import { makeAddressGuard } from './outgoing/address-guard.ts';
import { makeDial } from './outgoing/dial.ts';
import { parseNetwork } from './outgoing/network.ts';
import { systemLookup } from './outgoing/system-lookup.ts';

const SECOND = 1000;

export interface OidcReports {
  /** Called with the outcome of each fetch of an issuer's keys. */
  readonly fetched: (issuer: string, error?: Error) => void;
}

/**
 * The configured issuers.
 * @throws the file system's error, BadKeySet: for files named in the configuration
 */
export const oidcIssuers = (config: Config, clock: () => number, { fetched }: OidcReports): readonly Issuer[] => issuersOf(config).map((settings) => ({
  name: settings.name,
  issuer: settings.issuer ?? '',
  audiences: settings.audience,
  clockSkew: settings.clockSkew,
  maxLifetime: settings.maxLifetime,
  algorithms: settings.algorithms,
  singleUse: settings.singleUse,
  rules: settings.rules.map((rule) => compileRule(ruleOf(rule))),
  keys: keysOf(settings, config, clock, fetched),
}));

function keysOf(settings: IssuerSettings, { oidc }: Config, clock: () => number, fetched: OidcReports['fetched']): KeySource {
  const fetch = keysFrom(settings);
  if (typeof fetch !== 'function') return fixedKeys(fetch);
  return fetchedKeys({ fetch, clock, refresh: oidc.refreshKeys * SECOND, keep: oidc.keepKeys * SECOND, fetched: (error) => fetched(settings.name, error) });
}

/**
 * The keys given in the configuration, or a function that fetches them from the issuer once.
 * @throws the file system's error, BadKeySet
 */
export function keysFrom({ jwks, jwksFile, issuer = '', jwksUri, allowHttp, ca, bearerFile, permitNetworks }: IssuerSettings): KeySet | (() => Promise<KeySet>) {
  if (jwks !== undefined || jwksFile !== undefined) return parseKeySet(jwks === undefined ? readFileSync(jwksFile ?? '') : Buffer.from(jwks));
  // A missing file is reported at start; its contents may change later.
  if (ca !== undefined) readFileSync(ca);
  const dial = makeDial(systemLookup, makeAddressGuard(permitNetworks.map(parseNetwork).filter((network) => network !== undefined)));
  const address = {
    issuer, jwksUri, allowHttp,
    credential: bearerFile === undefined ? undefined : async () => (await readFile(bearerFile, 'utf8')).trim(),
  };
  return async () => fetchIssuerKeys(dial, { ...address, ca: ca === undefined ? undefined : await readFile(ca, 'utf8') });
}
