import { authKeysOf } from './cfssl/auth-keys.ts';
import { callLimit } from './cfssl/call-limit.ts';
import type { CfsslContext } from './cfssl/context.ts';
import { clientAsker } from './cfssl/client-asker.ts';
import { ALL_CALLS, cfsslRoutes, SIGN_ALONE } from './cfssl/plugin.ts';
import type { Core } from './core.ts';
import type { CrlService } from './crl-service.ts';
import type { App } from './http/app.ts';
import type { Authentication } from './http/authentication.ts';
import { authorityKeyHashes } from './issuance/authority-keys.ts';
import type { IssuanceContext } from './issuance/context.ts';
import { ProfileError } from './policy/profile.ts';
import type { RevocationContext } from './revocation/revoke.ts';
import { managerAsker } from './swarm/manager-asker.ts';
import { registrationsIn } from './swarm/registrations.ts';
import { swarmRoutes } from './swarm/routes.ts';

export interface CfsslServiceOptions {
  readonly core: Core;
  readonly issuance: IssuanceContext;
  readonly revocation: RevocationContext;
  readonly crls: Pick<CrlService, 'routes'>;
  readonly authentication: Authentication;
}

/** Signature algorithms that a Docker Engine accepts for a swarm root (SwarmKit `validateSignatureAlgorithm`), and so for its issuer. */
const SWARM_SIGNATURES = /^(?:ecdsa-with-SHA(?:256|384|512)|sha(?:256|384|512)WithRSAEncryption)$/;

/**
 * The cfssl API, and Docker swarms, which use a part of it; each if enabled.
 * @throws ProfileError if the swarm profile's authority uses a signature algorithm that swarms reject
 */
export function cfsslDoors({ core, issuance, revocation, crls, authentication }: CfsslServiceOptions): readonly ((app: App) => void)[] {
  const { config, store, authorities, clock, metrics } = core;
  const { cfssl, swarm } = config;
  const registrations = registrationsIn(store.objects);
  if (swarm.enabled) checkSwarmAuthority(issuance, swarm.profile);
  const limit = callLimit(config.limits.perIdentity);
  const context: CfsslContext = {
    issuance, revocation, authentication, limit, clock, certificates: store.certificates, authorities: authorities.all, shelf: crls.routes.shelf, counted: metrics.cfsslCalled,
    keys: cfssl.enabled ? authKeysOf(cfssl.keys) : [],
    askers: [
      ...(swarm.enabled ? [managerAsker({ certificates: store.certificates, registrations, profile: swarm.profile, authentication, audit: store.audit, limit, clock })] : []),
      ...(cfssl.enabled ? [clientAsker({ clients: cfssl.clients, authentication, issuance })] : []),
    ],
  };
  const calls = cfssl.enabled ? ALL_CALLS : SIGN_ALONE;
  const ownKeys = new Set(authorityKeyHashes(authorities));
  return [
    (app) => cfsslRoutes(app, context, calls),
    ...(swarm.enabled ? [(app: App) => swarmRoutes(app, { registrations, authentication, ownKeys, clock })] : []),
  ];
}

function checkSwarmAuthority({ profiles }: IssuanceContext, name: string): void {
  const authority = profiles.get(name)?.authority;
  if (authority === undefined || SWARM_SIGNATURES.test(authority.signatureAlgorithm.id)) return;
  throw new ProfileError([`swarm.profile: certificates of profile ${name} are signed by authority ${authority.name} with ${authority.signatureAlgorithm.id}, which no Docker Engine accepts; expected an authority with a key for ECDSA or RSA (profiles.${name}.issuer)`]);
}
