import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { loadAuthorities } from './authority/load.ts';
import type { Config } from './config/config.ts';
import type { Core, Issuance } from './core.ts';
import type { AppOptions } from './http/app.ts';
import { authentication as createAuthentication } from './http/authentication.ts';
import { buildHttpApp, buildHttpsApp, type PublishedOptions, type RestOptions } from './http/https-app.ts';
import { buildMetricsApp } from './http/metrics-app.ts';
import { chainsOf } from './http/rest/request-view.ts';
import { listenOn } from './listen.ts';
import { readMaster } from './identity/master-secret.ts';
import type { IssuanceContext } from './issuance/context.ts';
import { finishApproved } from './issuance/decide.ts';
import { issuingProfiles } from './issuance/issuing-profiles.ts';
import { serialSource } from './issuance/serial.ts';
import type { PublishedAt } from './issuance/template.ts';
import { createMetrics } from './metrics.ts';
import { certificateSwapper, type OwnCertificateOptions, ownCertificate, serverTls } from './own-certificate.ts';
import { compileSteps } from './policy/compile-steps.ts';
import { compileProfiles } from './policy/profile.ts';
import { publishCrl } from './revocation/crl-publisher.ts';
import { type CrlKeeper, crlKeeper } from './revocation/crl-schedule.ts';
import type { RevocationContext } from './revocation/revoke.ts';
import { metricSources, readiness } from './service-state.ts';
import { openEmbeddedStore } from './store/embedded/store.ts';
import { keepUp, type Upkeep } from './upkeep.ts';

/** Where the listeners really are; a port 0 of the configuration is a free one here. */
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
  /** False in a worker: the first process shows the metrics of all. */
  readonly serveMetrics?: boolean;
}

/** A service that serves. */
export interface Service {
  readonly addresses: Addresses;
  readonly core: Core;
  readonly issuance: IssuanceContext;
  /** The OpenAPI document of the https listener's routes. */
  readonly openApi: () => object;
  /** Looks after the https certificate at once: renews it if that is due, and swaps it in. */
  readonly renewOwnCertificate: () => Promise<void>;
  /** Finishes what was accepted, then closes everything. */
  readonly stop: () => Promise<void>;
}

const SECOND = 1000;
const CRL_LOOK = 500;
const SWEEP = { every: 30 * SECOND, lease: 90 * SECOND, most: 2000 };
const CERTIFICATE_LOOK = 60 * SECOND;
const FINISH = 30 * SECOND;

/**
 * Loads the authorities and opens the store: the only place that names implementations.
 * @throws AuthorityError, ProfileError, StoreUnavailable
 */
export async function openCore(config: Config, clock: () => number): Promise<Core> {
  const authorities = await loadAuthorities(config.data, config.authority.passphrase, { verifySignatures: config.authority.verifySignatures });
  const profiles = compileProfiles(config.profiles);
  const store = await openEmbeddedStore({ path: config.store.url.folder });
  const metrics = createMetrics(metricSources(store, authorities, clock));
  const signing = authorities.all.filter(({ canSign }) => canSign);
  const blocked = new Set(config.keys.block);
  const rootSchedule = { lifetime: config.crl.rootLifetime, renewBefore: Math.floor(config.crl.rootLifetime / 2) };
  return {
    config, clock, authorities, store, metrics, signing,
    crls: { store: store.crls, clock, scheduleOf: ({ name }) => (name === authorities.issuing.name ? config.crl : rootSchedule) },
    issuanceAt: (httpUrl) => {
      const publishedAt = addressesFor(httpUrl, new Set(signing.map(({ name }) => name)));
      const issuance: IssuanceContext = {
        store: store.requests,
        isBlocked: async (keyHash) => blocked.has(keyHash) || store.blockedKeys.has(keyHash),
        profiles: issuingProfiles(profiles, authorities, publishedAt),
        defaultProfile: config.defaultProfile,
        ...compileSteps(config.eligibility),
        clock,
        newSerial: serialSource(randomBytes),
        measure: metrics.part,
        counted: metrics.request,
      };
      return { issuance, publishedAt };
    },
  };
}

/**
 * Puts the service together and starts it.
 * @throws AuthorityError, ProfileError, StoreUnavailable, or the listener's own error
 */
export async function startService({ config, log, clock = Date.now, serveMetrics = true }: ServiceOptions): Promise<Service> {
  const core = await openCore(config, clock);
  const { store, authorities, metrics, signing, crls } = core;
  const stopping: (() => Promise<unknown>)[] = [() => store.close()];
  const stop = async (): Promise<void> => {
    for (const step of stopping.splice(0).reverse()) await step();
  };
  try {
    const keeper = crlKeeper(crls, {
      authorities: signing, coalesce: config.crl.coalesce * SECOND, lookEvery: CRL_LOOK, published: metrics.crlPublished,
      failed: (authority, err) => log.error({ err, authority }, 'the CRL could not be published'),
    });
    await keeper.start();
    stopping.push(() => keeper.stop());

    // The http listener first: its address, which may be a free port, goes into every certificate.
    const appOptions: AppOptions = { limits: config.limits, logger: log, logRequests: config.log.requests, clock };
    const published: PublishedOptions = {
      crls: { authorities: signing.map(({ name }) => name), store: store.crls, clock },
      authorities: authorities.all, issuing: authorities.issuing, readiness: readiness(core),
    };
    let httpsUrl = config.publicUrl.https;
    const httpApp = await listenOn(config.listen.http, () => buildHttpApp(appOptions, published, () => httpsUrl ?? 'the https listener'), stopping);
    const { issuance, publishedAt } = core.issuanceAt(config.publicUrl.http ?? httpApp?.url('http'));
    await finishApproved(issuance);

    const chainOf = chainsOf(authorities.all);
    const own: OwnCertificateOptions = {
      leases: store.leases, clock, context: issuance, folder: join(config.data, 'service'), hostNames: config.hostNames, chain: chainOf(authorities.issuing.name),
    };
    const first = await ownCertificate(own);
    const rest = restOptions(core, issuance, keeper, chainOf, publishedAt);
    const httpsApp = await listenOn(config.listen.https, () => buildHttpsApp({ ...appOptions, tls: serverTls(first) }, published, rest), stopping);
    httpsUrl ??= httpsApp?.url('https');
    const metricsApp = serveMetrics ? await listenOn(config.listen.metrics, () => buildMetricsApp(appOptions, metrics.registry), stopping) : undefined;

    const renewOwnCertificate = certificateSwapper(httpsApp?.app, own, first, () => log.info('the service\'s own certificate was renewed and swapped in'));
    const failed = (what: string) => (err: unknown): void => log.error({ err }, what);
    const upkeeps: Upkeep[] = [
      keepUp(CERTIFICATE_LOOK, renewOwnCertificate, failed('the service\'s own certificate could not be renewed')),
      keepUp(SWEEP.every, () => sweep(core), failed('ended records could not be removed')),
      keepUp(FINISH, () => finishApproved(issuance), failed('approved requests could not be finished')),
    ];
    stopping.push(() => Promise.all(upkeeps.map((upkeep) => upkeep.stop())));
    return { addresses: { https: httpsApp?.url('https'), http: httpApp?.url('http'), metrics: metricsApp?.url('http') }, core, issuance, openApi: () => httpsApp?.app.swagger() ?? {}, renewOwnCertificate, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What certificates of an authority say about where its CRL and certificate are; nothing where nobody would serve it. */
function addressesFor(httpUrl: string | undefined, signing: ReadonlySet<string>): (authority: string) => PublishedAt {
  return (authority) => ({
    crl: httpUrl !== undefined && signing.has(authority) ? [`${httpUrl}/crl/${authority}.crl`] : [],
    issuers: httpUrl === undefined ? [] : [`${httpUrl}/ca/${authority}.crt`],
    ocsp: [],
  });
}

function restOptions({ config, store, authorities, crls, metrics, clock }: Core, issuance: IssuanceContext, keeper: CrlKeeper, chainOf: (authority: string) => readonly string[], publishedAt: Issuance['publishedAt']): RestOptions {
  const { rootDigest } = authorities.issuing;
  const { perIdentity, failuresPerAddress, wait } = config.limits;
  const authentication = createAuthentication({ store, rootDigest, clock, perIdentity, failuresPerAddress });
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
    authorities: { authorities: authorities.all, publishedAt, chainOf, publish: (authority, actor) => publishCrl(crls, authority, actor), authentication },
    audit: { store: store.audit, authentication },
  };
}

async function sweep({ store, config, clock }: Core): Promise<void> {
  const retainEnded = config.store.retainEnded * SECOND;
  const lease = await store.leases.acquire('sweep', `process ${process.pid}`, clock(), SWEEP.lease);
  if (lease === undefined) return;
  while (await store.sweep(clock(), { retainEnded, most: SWEEP.most })) await new Promise((resolve) => setImmediate(resolve));
}
