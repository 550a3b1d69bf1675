import { randomBytes } from 'node:crypto';
import { bearerCredentials } from './bearer-credentials.ts';
import type { Core, Issuance } from './core.ts';
import type { CrlService } from './crl-service.ts';
import { authentication as createAuthentication } from './http/authentication.ts';
import type { RestOptions } from './http/https-app.ts';
import { readMaster } from './identity/master-secret.ts';
import type { Log } from './log.ts';
import type { RevocationContext } from './revocation/revoke.ts';

export interface RestPartsOptions extends Issuance {
  readonly core: Core;
  readonly crls: Pick<CrlService, 'keeper'>;
  readonly chainOf: (authority: string) => readonly string[];
  readonly log: Log;
}

/**
 * Assembles what the resources of the REST API work with.
 * @throws whatever `bearerCredentials` throws
 */
export async function restParts({ core, issuance, publishedAt, crls: { keeper }, chainOf, log }: RestPartsOptions): Promise<Omit<RestOptions, 'events' | 'doors'>> {
  const { config, store, authorities, metrics, clock, standing } = core;
  const { rootDigest } = authorities.issuing;
  const { perIdentity, failuresPerAddress, wait } = config.limits;
  const authentication = createAuthentication({ store, storeIsRemote: issuance.storeIsRemote, bearers: await bearerCredentials(core, log), clock, perIdentity, failuresPerAddress });
  const revocation: RevocationContext = {
    store: store.certificates, clock,
    revoked: (authority, reason) => {
      metrics.revoked(reason);
      keeper.due(authority);
    },
  };
  const credentials = { authentication, random: randomBytes, master: readMaster(config.data, randomBytes), clock };
  return {
    requests: { issuance, store: store.requests, authentication, chainOf, longestWait: wait },
    renewals: { issuance, authentication, chainOf },
    certificates: { store: store.certificates, revocation, authentication, chainOf, clock },
    tokens: { store: store.tokens, profiles: issuance.profiles, rootDigest, ...credentials },
    apiKeys: { store: store.apiKeys, ...credentials },
    authorities: {
      authorities: authorities.all, succession: authorities.succession, issuing: authorities.issuing, publishedAt, chainOf, authentication,
      publish: (authority, actor) => keeper.publish(authority.name, actor),
      revocation: {
        store: store.crls, authorities: authorities.all, clock,
        revoked: (issuer, reason) => {
          revocation.revoked(issuer, reason);
          return standing.look();
        },
      },
    },
    audit: { store: store.audit, authentication },
  };
}
