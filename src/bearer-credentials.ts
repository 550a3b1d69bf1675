import { issuersOf } from './config/oidc-issuers.ts';
import type { Core } from './core.ts';
import { identifyByApiKey, isApiKey } from './identity/api-key.ts';
import type { BearerReader } from './identity/bearer.ts';
import { identifyByEnrolmentToken, isEnrolmentToken } from './identity/enrolment-token.ts';
import type { Log } from './log.ts';

/**
 * Every kind of bearer credential that this deployment takes.
 * @throws the file system's error, BadKeySet: for files of the configuration
 */
export async function bearerCredentials(core: Core, log: Log): Promise<readonly BearerReader[]> {
  const { rootDigest } = core.authorities.issuing;
  return [
    {
      expected: 'an enrolment token (CHYTKN-1-…)', reads: isEnrolmentToken, byRecord: true,
      identify: (credential, { tokens, now }) => identifyByEnrolmentToken(credential, { rootDigest, get: (id) => tokens.get(id), now }),
    },
    {
      expected: 'an API key (CHYKEY-1-…)', reads: isApiKey, byRecord: true,
      identify: (credential, { apiKeys, now }) => identifyByApiKey(credential, { get: (id) => apiKeys.get(id), now }),
    },
    ...(issuersOf(core.config).length === 0 ? [] : [await tokensOfIssuers(core, log)]),
  ];
}

/** Loaded where there are issuers: the code for their tokens would only take memory. */
async function tokensOfIssuers({ config, clock, metrics }: Core, log: Log): Promise<BearerReader> {
  const [{ oidcIssuers }, { oidcTokens }] = await Promise.all([import('./oidc-issuers.ts'), import('./identity/oidc/oidc-token.ts')]);
  const issuers = oidcIssuers(config, clock, {
    fetched: (issuer, err) => {
      metrics.oidcKeys(issuer, err === undefined);
      if (err !== undefined) log.warn({ issuer, err }, 'the keys of an issuer of tokens could not be fetched');
    },
  });
  // So that the first token need not wait, and an issuer that cannot be reached is in the log at once.
  for (const { keys } of issuers) void keys.keys(() => true).catch(() => undefined);
  return oidcTokens({ issuers, counted: metrics.oidcToken });
}
