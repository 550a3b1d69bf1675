import { issuersOf } from './config/oidc-issuers.ts';
import type { Core } from './core.ts';
import { identifyByApiKey, isApiKey } from './identity/api-key.ts';
import type { BearerReader } from './identity/bearer.ts';
import { identifyByEnrolmentToken, isEnrolmentToken } from './identity/enrolment-token.ts';
import type { Log } from './log.ts';

/**
 * Readers for every kind of bearer credential that this deployment accepts.
 * @throws the file system's error, BadKeySet: for files named in the configuration
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

/** Imported only if issuers are configured, to keep the code for their tokens out of memory otherwise. */
async function tokensOfIssuers({ config, clock, metrics }: Core, log: Log): Promise<BearerReader> {
  const [{ oidcIssuers }, { oidcTokens }] = await Promise.all([import('./oidc-issuers.ts'), import('./identity/oidc/oidc-token.ts')]);
  const issuers = oidcIssuers(config, clock, {
    fetched: (issuer, err) => {
      metrics.oidcKeys(issuer, err === undefined);
      if (err !== undefined) log.warn({ issuer, err }, 'the keys of an issuer of tokens could not be fetched');
    },
  });
  // Prefetch, so that the first token need not wait and an unreachable issuer is logged right away.
  for (const { keys } of issuers) void keys.keys(() => true).catch(() => undefined);
  return oidcTokens({ issuers, counted: metrics.oidcToken });
}
