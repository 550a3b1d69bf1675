import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { loadAuthorities } from './authority/load.ts';
import { bearerCredentials } from './bearer-credentials.ts';
import { readBlockLists } from './block-lists.ts';
import { ownLease } from './by-one-process.ts';
import type { Config } from './config/config.ts';
import type { Core, Issuance } from './core.ts';
import { lookAgain } from './eligibility/look-again.ts';
import { eligibilityOf, holdingDoor } from './eligibility-service.ts';
import type { AppOptions } from './http/app.ts';
import { authentication as createAuthentication } from './http/authentication.ts';
import { buildHttpApp, buildHttpsApp, type PublishedOptions, type RestOptions } from './http/https-app.ts';
import { buildMetricsApp } from './http/metrics-app.ts';
import { chainsOf } from './http/rest/request-view.ts';
import { permittedHostNames } from './host-names.ts';
import { httpsListener } from './https-listener.ts';
import { listenOn } from './listen.ts';
import { readMaster } from './identity/master-secret.ts';
import { authorityKeyHashes } from './issuance/authority-keys.ts';
import type { IssuanceContext } from './issuance/context.ts';
import { finishApproved } from './issuance/finish.ts';
import { issuingProfiles } from './issuance/issuing-profiles.ts';
import { serialSource } from './issuance/serial.ts';
import { createMetrics } from './metrics.ts';
import { type CrlService, crlService, scheduleOf } from './crl-service.ts';
import { ocspResponders } from './ocsp-responders.ts';
import { openUsableStore } from './open-store.ts';
import { optionalParts } from './optional-parts.ts';
import { unknownOperator } from './operator-certificate.ts';
import type { OwnCertificateOptions } from './own-certificate.ts';
import { compileProfiles } from './policy/profile.ts';
import { authorityStanding } from './revocation/authority-standing.ts';
import { renewalDoor } from './renewal-service.ts';
import { publishedAt } from './published-at.ts';
import { replicaKeeper } from './replicas.ts';
import { revocationEvents } from './revocation-events.ts';
import { tellRevocations } from './revocation/tell-revocations.ts';
import type { RevocationContext } from './revocation/revoke.ts';
import { metricSources, readiness } from './service-state.ts';
import type { WholeStore } from './store/transfer.ts';
import { keepUp, type Upkeep } from './upkeep.ts';
import { VERSION } from './version.ts';

/** Actual addresses of the listeners; port 0 in the configuration means any free port. */
export interface Addresses {
  readonly https: string | undefined;
  readonly http: string | undefined;
  readonly metrics: string | undefined;
}

export interface ServiceOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
  /** False in a worker, whose metrics the primary process serves. */
  readonly serveMetrics?: boolean;
  /** An open store; the caller remains responsible for closing it. */
  readonly store?: WholeStore;
  /** Releases the addresses of the service that this one replaces in the same process. */
  readonly release?: Service['release'];
}

/** A running service. */
export interface Service {
  readonly addresses: Addresses;
  /** Frees a listener's address for a successor in this process; existing connections continue until `stop`. */
  readonly release: Readonly<Record<keyof Addresses, () => void>>;
  readonly core: Core;
  readonly issuance: IssuanceContext;
  /** The OpenAPI document of the https listener's routes. */
  readonly openApi: () => object;
  /** Checks the https certificate at once: renews it if due, and swaps it in. */
  readonly renewOwnCertificate: () => Promise<void>;
  /** Finishes accepted requests, then closes everything. */
  readonly stop: () => Promise<void>;
}

const SECOND = 1000;
const OCSP_LOOK = 400;
const ACME_LOOK = 500;
const AGAIN_LOOK = SECOND;
const STANDING_LOOK = 500;
const SWEEP = { every: 30 * SECOND, lease: 90 * SECOND, most: 2000 };
const CERTIFICATE_LOOK = 60 * SECOND;
const REPLICA_LOOK = 10 * SECOND;
const FINISH = 30 * SECOND;

/**
 * Loads the authorities and opens the store, unless one is given.
 * @throws AuthorityError, ProfileError, StoreUnavailable
 */
export async function openCore(config: Config, clock: () => number, log?: Logger, given?: WholeStore): Promise<Core> {
  const authorities = await loadAuthorities(config.data, config.authority.passphrase, { verifySignatures: config.authority.verifySignatures, issuing: config.authority.issuing, now: Math.floor(clock() / SECOND) });
  const profiles = compileProfiles(config.profiles);
  const blockLists = readBlockLists(config.keys);
  const store = given ?? await openUsableStore(config.store, log);
  const metrics = createMetrics(metricSources(store, authorities, clock), clock);
  const signing = authorities.all.filter(({ canSign }) => canSign);
  const standing = authorityStanding(store.crls, authorities.all);
  await standing.look();
  const crls: Core['crls'] = { scheduleOf: (authority) => scheduleOf(config, authority, authorities.root, authorities.issuing) };
  const blocked = new Set([...config.keys.block, ...authorityKeyHashes(authorities)]);
  return {
    config, clock, authorities, store, replicas: store.replicas, metrics, standing, signing,
    crls,
    issuanceAt: (httpUrl, report) => {
      const at = publishedAt(httpUrl, { config, authorities, signing, crls });
      const issuance: IssuanceContext = {
        store: store.requests,
        isBlocked: async (keyHash) => blocked.has(keyHash) || store.blockedKeys.has(keyHash),
        isBlockedHere: (keyHash) => blocked.has(keyHash),
        looksAreDear: config.store.url.kind !== 'embedded',
        profiles: issuingProfiles(profiles, authorities, at, standing.revocationOf),
        defaultProfile: config.defaultProfile,
        ...eligibilityOf({ config, store, blockLists, metrics, report }),
        clock,
        newSerial: serialSource(randomBytes),
        measure: metrics.part,
        counted: metrics.request,
        report,
      };
      return { issuance, publishedAt: at };
    },
  };
}

/**
 * Assembles the service and starts it.
 * @throws AuthorityError, ProfileError, StoreUnavailable, or the listener's own error
 */
export async function startService({ config, log, clock = Date.now, serveMetrics = true, store: given, release }: ServiceOptions): Promise<Service> {
  const opened = await openCore(config, clock, log, given);
  const ocsp = ocspResponders(opened, log);
  const core: Core = { ...opened, store: tellRevocations(opened.store, ocsp.changed) };
  const { store, authorities, metrics } = core;
  const stopping: (() => Promise<unknown>)[] = given === undefined ? [() => store.close()] : [];
  const stop = async (): Promise<void> => {
    for (let step = stopping.pop(); step !== undefined; step = stopping.pop()) await step();
  };
  const failed = (what: string) => (err: unknown): void => log.error({ err }, what);
  try {
    let httpUrl = config.publicUrl.http;
    const replica = replicaKeeper({ store: core.replicas, config, authorities, master: readMaster(config.data, randomBytes), httpUrl: () => httpUrl, clock, log });
    const crls = crlService({ core, httpUrl: () => httpUrl, profiles: [...compileProfiles(config.profiles).values()], log });
    // The http listener comes first: its address, possibly with a free port, goes into every certificate.
    const appOptions: AppOptions = { limits: config.limits, logger: log, logRequests: config.log.requests, clock, replied: metrics.replied };
    const published: PublishedOptions = {
      ocsp: { responders: ocsp.all, maxAge: config.ocsp.maxAge, clock },
      crls: crls.routes,
      authorities: authorities.all, issuing: authorities.issuing, readiness: [...readiness(core, () => notListening(), replica.differences), ...ocsp.readiness],
    };
    let httpsUrl = config.publicUrl.https;
    let notListening = (): string | undefined => 'not all listeners listen yet';
    const httpApp = await listenOn(config.listen.http, () => buildHttpApp(appOptions, published, () => httpsUrl ?? 'the https listener'), stopping, release?.http);
    httpUrl ??= httpApp?.url('http');
    await replica.look().catch(failed('the other replicas could not be told that this one serves'));
    stopping.push(() => replica.leave().catch(failed('the other replicas could not be told that this one stops')));
    await crls.start();
    stopping.push(() => crls.stop());
    const cycle = core.issuanceAt(httpUrl, (what, err) => log.error({ err }, what));
    const { issuance, publishedAt } = cycle;
    await ocsp.renew(cycle);
    await finishApproved(issuance);

    const chainOf = chainsOf(authorities.all);
    const hostNames = permittedHostNames(config, authorities.issuing);
    if (hostNames.leftOut.length > 0) log.warn({ leftOut: hostNames.leftOut }, 'the service\'s own certificate has not all of the usual host names: name constraints forbid some');
    const own: OwnCertificateOptions = {
      leases: store.leases, lease: ownLease('service-certificate', config), clock, context: issuance, folder: join(config.runtime, 'service'), hostNames: hostNames.names, chain: chainOf(authorities.issuing.name), files: config.httpsCertificate,
    };
    const restParts = await restOptions(core, issuance, crls, chainOf, publishedAt, log);
    const { authentication } = restParts.requests;
    const parts = await optionalParts({ core, issuance, revocation: restParts.certificates.revocation, crls, hostNames: hostNames.names, authentication, httpsUrl: () => httpsUrl, log });
    stopping.push(() => parts.acme.stop());
    const events = revocationEvents(core, httpUrl, log);
    stopping.push(() => events.feed.stop());
    const rest: RestOptions = { ...restParts, events, doors: [...parts.acme.doors, holdingDoor({ objects: store.objects, requests: store.requests, clock }, authentication), ...parts.cfssl, renewalDoor(core, authentication), ...parts.attestation] };
    const https = await httpsListener({
      listener: config.listen.https, own, stopping, before: release?.https, log, build: (tls) => buildHttpsApp({ ...appOptions, tls }, published, rest),
      authorityEnded: () => authorities.issuing.certificate.notAfter < clock() / SECOND,
    });
    httpsUrl ??= https.listening()?.url('https');
    const metricsApp = serveMetrics ? await listenOn(config.listen.metrics, () => buildMetricsApp(appOptions, metrics.registry), stopping, release?.metrics) : undefined;

    const holder = randomUUID();
    const upkeeps: Upkeep[] = [
      keepUp(REPLICA_LOOK, replica.look, failed('the other replicas could not be asked for their configuration')),
      keepUp(CERTIFICATE_LOOK, https.look, failed('the service\'s own certificate could not be renewed')),
      keepUp(CERTIFICATE_LOOK, () => ocsp.renew(cycle), failed('the certificates of the OCSP responders could not be renewed')),
      keepUp(STANDING_LOOK, core.standing.look, failed('it could not be looked whether an authority was revoked')),
      keepUp(OCSP_LOOK, ocsp.look, failed('OCSP could not catch up with revocations; it answers nothing of what it has kept')),
      keepUp(SWEEP.every, () => sweep(core, holder), failed('ended records could not be removed')),
      keepUp(FINISH, () => finishApproved(issuance), failed('approved requests could not be finished')),
      keepUp(AGAIN_LOOK, lookAgain({ context: issuance, objects: store.objects }).look, failed('requests that wait could not be looked at again')),
      keepUp(ACME_LOOK, parts.acme.look, failed('validations that are due could not be found')),
    ];
    stopping.push(() => Promise.all(upkeeps.map((upkeep) => upkeep.stop())));
    await store.audit.append([{ time: clock(), event: 'service.started', actor: 'system', subject: 'service', details: { version: VERSION } }])
      // A disk that takes no writes must not keep CRLs from being served.
      .catch(failed('the start could not be written into the audit log'));
    const unknown = await unknownOperator(core).catch(failed('it could not be looked whether the operator\'s certificate is in the store'));
    if (typeof unknown === 'string') log.warn(unknown);
    notListening = () => (config.listen.https !== 'off' && https.listening() === undefined ? 'https does not listen: there is no certificate for it' : undefined);
    return {
      addresses: { https: https.listening()?.url('https'), http: httpApp?.url('http'), metrics: metricsApp?.url('http') },
      release: { https: () => https.listening()?.release(), http: () => httpApp?.release(), metrics: () => metricsApp?.release() },
      core, issuance, openApi: () => https.listening()?.app.swagger() ?? {}, renewOwnCertificate: https.look, stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function restOptions(core: Core, issuance: IssuanceContext, { keeper }: CrlService, chainOf: (authority: string) => readonly string[], publishedAt: Issuance['publishedAt'], log: Logger): Promise<Omit<RestOptions, 'events' | 'doors'>> {
  const { config, store, authorities, metrics, clock, standing } = core;
  const { rootDigest } = authorities.issuing;
  const { perIdentity, failuresPerAddress, wait } = config.limits;
  const authentication = createAuthentication({ store, looksAreDear: issuance.looksAreDear, bearers: await bearerCredentials(core, log), clock, perIdentity, failuresPerAddress });
  const revocation: RevocationContext = { store: store.certificates, clock, revoked: (authority, reason) => {
    metrics.revoked(reason);
    keeper.due(authority);
  } };
  const credentials = { authentication, random: randomBytes, master: readMaster(config.data, randomBytes), clock };
  return {
    requests: { issuance, store: store.requests, authentication, chainOf, longestWait: wait },
    renewals: { issuance, authentication, chainOf },
    certificates: { store: store.certificates, revocation, authentication, chainOf, clock },
    tokens: { store: store.tokens, profiles: issuance.profiles, rootDigest, ...credentials },
    apiKeys: { store: store.apiKeys, ...credentials },
    authorities: {
      authorities: authorities.all, succession: authorities.succession, issuing: authorities.issuing, publishedAt, chainOf, publish: (authority, actor) => keeper.publish(authority.name, actor), authentication,
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

/** @param holder a random name, since process ids are the same in every container */
async function sweep({ store, config, clock }: Core, holder: string): Promise<void> {
  const retainEnded = config.store.retainEnded * SECOND;
  const lease = await store.leases.acquire('sweep', holder, clock(), SWEEP.lease);
  if (lease === undefined) return;
  while (await store.sweep(clock(), { retainEnded, most: SWEEP.most })) await new Promise((resolve) => setImmediate(resolve));
}
