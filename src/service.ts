import { randomBytes, randomUUID } from 'node:crypto';
import type { ServerOptions as TlsOptions } from 'node:https';
import { join } from 'node:path';
import type { Server as TlsServer } from 'node:tls';
import type { Logger } from 'pino';
import type { Authority, LoadedAuthorities } from './authority/authority.ts';
import { loadAuthorities } from './authority/load.ts';
import type { Config } from './config/config.ts';
import type { App, AppOptions } from './http/app.ts';
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
import { readServiceCertificate, renewServiceCertificate, serviceCertificateIsDue, type ServiceCertificateOptions } from './issuance/service-certificate.ts';
import type { PublishedAt } from './issuance/template.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { compileSteps } from './policy/compile-steps.ts';
import { compileProfiles } from './policy/profile.ts';
import { type CrlContext, publishCrl } from './revocation/crl-publisher.ts';
import { type CrlKeeper, crlKeeper } from './revocation/crl-schedule.ts';
import type { RevocationContext } from './revocation/revoke.ts';
import { openEmbeddedStore } from './store/embedded/store.ts';
import type { Store } from './store/store.ts';
import { keepUp, type Upkeep } from './upkeep.ts';

/** Where the listeners really are; a port 0 of the configuration is a free one here. */
export interface Addresses {
  readonly https: string | undefined;
  readonly http: string | undefined;
  readonly metrics: string | undefined;
}

/** Authorities, store and the cycle of issuance: all but the listeners. */
export interface Core {
  readonly config: Config;
  readonly clock: () => number;
  readonly authorities: LoadedAuthorities;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly crls: CrlContext;
  /** Those whose key is here: they sign, and publish a CRL. */
  readonly signing: readonly Authority[];
  /** The cycle, once it is known where CRLs and certificates are fetched. */
  readonly issuanceAt: (httpUrl: string | undefined) => Issuance;
}

export interface Issuance {
  readonly issuance: IssuanceContext;
  readonly publishedAt: (authority: string) => PublishedAt;
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
  /** Finishes what was accepted, then closes everything. */
  readonly stop: () => Promise<void>;
}

const SECOND = 1000;
const CRL_LOOK = 500;
const SWEEP = { every: 30 * SECOND, lease: 90 * SECOND, most: 2000 };
const CERTIFICATE_LOOK = 60 * SECOND;
const FINISH = 30 * SECOND;
const LEASE_LOOK = 100;

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
    const certificate: ServiceCertificateOptions = { context: issuance, folder: join(config.data, 'service'), hostNames: config.hostNames, chain: chainOf(authorities.issuing.name) };
    const first = await ownCertificate(certificate, core);
    const rest = restOptions(core, issuance, keeper, chainOf, publishedAt);
    const httpsApp = await listenOn(config.listen.https, () => buildHttpsApp({ ...appOptions, tls: serverTls(first) }, published, rest), stopping);
    httpsUrl ??= httpsApp?.url('https');
    const metricsApp = serveMetrics ? await listenOn(config.listen.metrics, () => buildMetricsApp(appOptions, metrics.registry), stopping) : undefined;

    const failed = (what: string) => (err: unknown): void => log.error({ err }, what);
    const upkeeps: Upkeep[] = [
      keepUp(CERTIFICATE_LOOK, swapCertificate(httpsApp?.app, certificate, first, core, log), failed('the service\'s own certificate could not be renewed')),
      keepUp(SWEEP.every, () => sweep(core), failed('ended records could not be removed')),
      keepUp(FINISH, () => finishApproved(issuance), failed('approved requests could not be finished')),
    ];
    stopping.push(() => Promise.all(upkeeps.map((upkeep) => upkeep.stop())));
    return { addresses: { https: httpsApp?.url('https'), http: httpApp?.url('http'), metrics: metricsApp?.url('http') }, core, issuance, openApi: () => httpsApp?.app.swagger() ?? {}, stop };
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

const pemFile = (file: string): { readonly key: string; readonly cert: string } => ({ key: file, cert: file });

/**
 * Client certificates are asked for and not demanded, and no CA names are listed: whether one is ours is told by the store,
 * byte for byte. TLS 1.2 stays for the clients that have no 1.3 (RFC 9325 3.1.1).
 */
const serverTls = (file: string): TlsOptions => ({ ...pemFile(file), requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', sessionIdContext: 'chancery' });

/** The service's certificate: the one on disk, or a new one where that is due. Of several processes one makes it. */
async function ownCertificate(options: ServiceCertificateOptions, { store, clock }: Core): Promise<string> {
  const holder = randomUUID();
  for (;;) {
    const file = readServiceCertificate(options.folder);
    if (file !== undefined && !(await serviceCertificateIsDue(options))) return file;
    if ((await store.leases.acquire('service-certificate', holder, clock(), CERTIFICATE_LOOK)) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, LEASE_LOOK));
      continue;
    }
    try {
      if (await serviceCertificateIsDue(options)) return await renewServiceCertificate(options);
    } finally {
      await store.leases.release('service-certificate', holder);
    }
  }
}

/** Renews the certificate when it is due, and swaps in whatever another process has renewed. No connection is dropped. */
function swapCertificate(app: App | undefined, options: ServiceCertificateOptions, first: string, core: Core, log: Logger): () => Promise<void> {
  let served = first;
  return async () => {
    const file = await ownCertificate(options, core);
    if (file === served || app === undefined) return;
    (app.server as unknown as TlsServer).setSecureContext(pemFile(file));
    served = file;
    log.info('the service\'s own certificate was renewed and swapped in');
  };
}

async function sweep({ store, config, clock }: Core): Promise<void> {
  const retainEnded = config.store.retainEnded * SECOND;
  const lease = await store.leases.acquire('sweep', `process ${process.pid}`, clock(), SWEEP.lease);
  if (lease === undefined) return;
  while (await store.sweep(clock(), { retainEnded, most: SWEEP.most })) await new Promise((resolve) => setImmediate(resolve));
}

function readiness({ store, authorities: { issuing }, signing, clock }: Core): PublishedOptions['readiness'] {
  return [
    { name: 'store', check: async () => void (await store.ping()) },
    { name: 'key', check: () => Promise.resolve(issuing.canSign && issuing.certificate.notAfter > clock() / SECOND ? undefined : `authority ${issuing.name} cannot sign, or has ended`) },
    {
      name: 'crl',
      check: async () => {
        for (const { name } of signing) {
          const head = await store.crls.head(name);
          if (head === undefined || head.nextUpdate <= clock() / SECOND) return `the CRL of ${name} is ${head === undefined ? 'missing' : 'past its nextUpdate'}`;
        }
        return undefined;
      },
    },
  ];
}

function metricSources(store: Store, authorities: LoadedAuthorities, clock: () => number): Parameters<typeof createMetrics>[0] {
  return {
    crl: async () => {
      const heads = await Promise.all(authorities.all.map(async ({ name }) => ({ name, head: await store.crls.head(name) })));
      const now = clock() / SECOND;
      return heads.flatMap(({ name, head }) => (head === undefined ? [] : [{ authority: name, age: now - head.thisUpdate, left: head.nextUpdate - now, number: Number(head.number) }]));
    },
    authorities: () => authorities.all.map(({ name, certificate }) => ({ authority: name, days: (certificate.notAfter - clock() / SECOND) / 86_400 })),
  };
}
