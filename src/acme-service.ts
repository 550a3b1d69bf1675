import { randomBytes } from 'node:crypto';
import type { AcmeContext, Directory } from './acme/context.ts';
import { limitsOf } from './acme/limits.ts';
import { nonceCounter, nonceKeyOf, sharedNonces, unreliable } from './acme/nonces.ts';
import { type Network, parseNetwork } from './outgoing/network.ts';
import { operatorRoutes } from './acme/operators/routes.ts';
import { acmeRoutes } from './acme/plugin.ts';
import { createScheduler } from './acme/scheduler.ts';
import { recordsIn } from './acme/state/records.ts';
import { makeValidators } from './acme/validators/make-validators.ts';
import type { Authority } from './authority/authority.ts';
import { successorOf } from './authority/succession.ts';
import type { Config } from './config/config.ts';
import type { Core } from './core.ts';
import type { App } from './http/app.ts';
import type { Authentication } from './http/authentication.ts';
import { readMaster } from './identity/master-secret.ts';
import type { IssuanceContext, IssuingProfile } from './issuance/context.ts';
import { compileNamePattern } from './policy/name-pattern.ts';
import { isPublicName } from './policy/public-suffix.ts';
import { ProfileError } from './policy/profile.ts';
import { renewalAdviser } from './renewal-service.ts';
import type { Log } from './log.ts';
import type { RevocationContext } from './revocation/revoke.ts';

export interface AcmeServiceOptions {
  readonly core: Core;
  readonly issuance: IssuanceContext;
  readonly revocation: RevocationContext;
  /** Names in the service's own certificate. */
  readonly hostNames: readonly string[];
  readonly authentication: Authentication;
  /** The https listener's address, or its public one, once it is known. */
  readonly httpsUrl: () => string | undefined;
  readonly log: Log;
}

/** ACME as assembled for one service. */
export interface AcmeService {
  readonly doors: readonly ((app: App) => void)[];
  /** Starts validations that are due. */
  readonly look: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const SECOND = 1000;

/**
 * Assembles ACME.
 * @throws ProfileError if a configured profile, network or pattern is invalid; StoreUnavailable
 */
export async function acmeService({ core, issuance, revocation, hostNames, authentication, httpsUrl, log }: AcmeServiceOptions): Promise<AcmeService> {
  const { config, store, clock } = core;
  const { acme } = config;
  const records = recordsIn(store.objects);
  const limits = limitsOf(acme.limits, store.requests);
  const master = readMaster(config.data, randomBytes);
  const privateZones = acme.privateZones.map(compileNamePattern);
  const validators = makeValidators({
    resolver: acme.resolver, http01Port: acme.http01Port, tlsAlpn01Port: acme.tlsAlpn01Port, permitNetworks: networksOf(acme.permitNetworks), timeout: acme.attemptTimeout,
    caa: {
      identities: acme.caaIdentities.map((identity) => identity.toLowerCase()),
      applies: (name) => (acme.caaIdentities.length > 0 || isPublicName(name)) && !privateZones.some(({ matches }) => matches({ kind: 'dns', value: name })),
    },
  }, clock);
  const alone = config.workers === 1 && config.store.url.kind === 'embedded';
  const scheduler = createScheduler({
    records, validators, clock, random: randomBytes, alone, attempts: acme.attempts, authorizationLifetime: acme.authorizationLifetime * SECOND,
    lease: (2 * acme.attemptTimeout + 10) * SECOND,
    failed: (account, name) => void limits.failed(account, name, clock()).catch((err: unknown) => log.error({ err }, 'ACME: a failed validation could not be counted')),
    report: (what, err) => log.error({ err }, what),
  });
  // A single process need not record used nonces in the store.
  const nonces = alone ? nonceCounter(randomBytes) : sharedNonces(store.objects, await nonceKeyOf(store.objects, master, randomBytes), randomBytes, clock);
  const context: AcmeContext = {
    settings: {
      termsOfService: acme.termsOfService, website: acme.website, caaIdentities: acme.caaIdentities, challenges: acme.challenges,
      orderLifetime: acme.orderLifetime * SECOND, authorizationLifetime: acme.authorizationLifetime * SECOND,
    },
    directories: directoriesOf(core, issuance),
    adviceOn: renewalAdviser(core),
    records, store, issuance, revocation, validators, scheduler, limits, clock, random: randomBytes, master,
    nonces: unreliable(nonces, acme.refuseNonces / 100, Math.random),
    baseUrl: baseUrlOf(config, hostNames, httpsUrl),
  };
  return { doors: [(app) => acmeRoutes(app, context), (app) => operatorRoutes(app, { acme: context, authentication })], look: scheduler.look, stop: scheduler.stop };
}

/** The public address; if none is configured, the address the client used, provided it is one of ours. */
function baseUrlOf({ publicUrl }: Config, hostNames: readonly string[], httpsUrl: () => string | undefined): AcmeContext['baseUrl'] {
  const ours = new Set(hostNames);
  return (host = '') => {
    if (publicUrl.https !== undefined) return publicUrl.https;
    const [, bracketed, plain] = /^(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
    return ours.has((bracketed ?? plain ?? '').toLowerCase()) ? `https://${host.toLowerCase()}` : httpsUrl() ?? '';
  };
}

function networksOf(texts: readonly string[]): Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (network === undefined) throw new ProfileError([`acme.permitNetworks: ${JSON.stringify(text)} is not a network; expected one such as 10.0.0.0/8`]);
    return network;
  });
}

/** One directory for each authority that issues certificates to others. */
function directoriesOf({ config: { acme }, authorities }: Core, { profiles }: IssuanceContext): ReadonlyMap<string, Directory> {
  const faults: string[] = [];
  const directories = new Map<string, Directory>();
  const { all, succession, issuing } = authorities;
  // A rolled authority's directory stays available under the name that its clients know.
  const reigns = succession.slice(0, succession.findIndex(({ name }) => name === issuing.name) + 1).map(({ name }) => name);
  const names = [...new Set([...reigns, ...all.map(({ name }) => name)])];
  const unknown = Object.keys(acme.authorities).filter((name) => !names.includes(name));
  faults.push(...unknown.map((name) => `acme.authorities.${name}: there is no such authority`));
  for (const name of names) {
    const authority = all.find((one) => one.name === successorOf(authorities, name));
    if (authority?.canSign !== true) continue;
    const settled = reigns.slice(0, reigns.indexOf(name) + 1).findLast((one) => acme.authorities[one] !== undefined) ?? name;
    const own = acme.authorities[settled] ?? {};
    if (own.enabled === false) continue;
    const offered = profilesOf(authority, [own.profile ?? acme.profile, ...(own.profiles ?? acme.profiles)], profiles, faults);
    const [defaultProfile] = offered.values();
    if (defaultProfile === undefined) continue;
    const allow = own.allow ?? acme.allow;
    directories.set(name, {
      name, authority, profiles: offered, defaultProfile, externalAccount: own.externalAccount ?? acme.externalAccount,
      allow: allow?.map(compileNamePattern), deny: [...acme.deny, ...(own.deny ?? [])].map(compileNamePattern),
    });
  }
  if (directories.size === 0) faults.push('acme: no authority here signs certificates of the profiles that are offered');
  if (faults.length > 0) throw new ProfileError(faults);
  return directories;
}

/** The requested profiles that this authority signs. Operator profiles and CA profiles are refused. */
function profilesOf({ name }: Authority, wanted: readonly string[], profiles: ReadonlyMap<string, IssuingProfile>, faults: string[]): Map<string, IssuingProfile> {
  const offered = new Map<string, IssuingProfile>();
  for (const profile of wanted) {
    const found = profiles.get(profile);
    if (found === undefined) faults.push(`acme: there is no profile ${profile}`);
    else if (found.profile.operatorsOnly || found.profile.authority) faults.push(`acme: profile ${profile} is reserved for operators`);
    else if (found.authority.name === name) offered.set(profile, found);
  }
  return offered;
}
