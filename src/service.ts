import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ownLease } from './by-one-process.ts';
import type { Config } from './config/config.ts';
import type { Core } from './core.ts';
import { holdingDoor } from './eligibility-service.ts';
import type { AppOptions } from './http/app.ts';
import { buildHttpApp, buildHttpsApp, type PublishedOptions } from './http/https-app.ts';
import { buildMetricsApp } from './http/metrics-app.ts';
import { chainsOf } from './http/rest/request-view.ts';
import { permittedHostNames } from './host-names.ts';
import { httpsListener } from './https-listener.ts';
import { listenOn } from './listen.ts';
import { readMaster } from './identity/master-secret.ts';
import type { IssuanceContext } from './issuance/context.ts';
import { finishApproved } from './issuance/finish.ts';
import { crlService } from './crl-service.ts';
import { ocspResponders } from './ocsp-responders.ts';
import { openCore } from './open-core.ts';
import { optionalParts } from './optional-parts.ts';
import { unknownOperator } from './operator-certificate.ts';
import type { OwnCertificateOptions } from './own-certificate.ts';
import { compileProfiles } from './policy/profile.ts';
import { renewalDoor } from './renewal-service.ts';
import { replicaKeeper } from './replicas.ts';
import { restParts } from './rest-parts.ts';
import { revocationEvents } from './revocation-events.ts';
import { tellRevocations } from './revocation/tell-revocations.ts';
import { readiness } from './service-state.ts';
import type { WholeStore } from './store/transfer.ts';
import { startUpkeeps } from './upkeeps.ts';
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
    // 1. The http listener comes first: its address, possibly with a free port, goes into every certificate.
    let httpUrl = config.publicUrl.http;
    let httpsUrl = config.publicUrl.https;
    let notListening = (): string | undefined => 'not all listeners are listening yet';
    const replica = replicaKeeper({ store: core.replicas, config, authorities, master: readMaster(config.data, randomBytes), httpUrl: () => httpUrl, clock, log });
    const crls = crlService({ core, httpUrl: () => httpUrl, profiles: [...compileProfiles(config.profiles).values()], log });
    const appOptions: AppOptions = { limits: config.limits, logger: log, logRequests: config.log.requests, clock, replied: metrics.replied };
    const published: PublishedOptions = {
      ocsp: { responders: ocsp.all, maxAge: config.ocsp.maxAge, clock },
      crls: crls.routes,
      authorities: authorities.all, issuing: authorities.issuing, readiness: [...readiness(core, () => notListening(), replica.differences), ...ocsp.readiness],
    };
    const httpApp = await listenOn(config.listen.http, () => buildHttpApp(appOptions, published, () => httpsUrl ?? 'the https listener'), stopping, release?.http);
    httpUrl ??= httpApp?.url('http');
    await replica.look().catch(failed('the other replicas could not be informed that this one is serving'));
    stopping.push(() => replica.leave().catch(failed('the other replicas could not be informed that this one is stopping')));

    // 2. CRLs and OCSP are current, and requests that a crash left approved are finished, before anyone can ask for more.
    await crls.start();
    stopping.push(() => crls.stop());
    const cycle = core.issuanceAt(httpUrl, (what, err) => log.error({ err }, what));
    const { issuance } = cycle;
    await ocsp.renew(cycle);
    await finishApproved(issuance);

    // 3. The REST API, and the protocols beside it.
    const chainOf = chainsOf(authorities.all);
    const hostNames = serverNames(core, log);
    const parts = await restParts({ core, ...cycle, crls, chainOf, log });
    const { authentication } = parts.requests;
    const optional = await optionalParts({ core, issuance, revocation: parts.certificates.revocation, crls, hostNames, authentication, httpsUrl: () => httpsUrl, log });
    stopping.push(() => optional.acme.stop());
    const events = revocationEvents(core, httpUrl, log);
    stopping.push(() => events.feed.stop());
    const holdings = holdingDoor({ objects: store.objects, requests: store.requests, clock }, authentication);
    const doors = [...optional.acme.doors, holdings, ...optional.cfssl, renewalDoor(core, authentication), ...optional.attestation];

    // 4. The https listener, with a certificate of our own, and the listener for metrics.
    const own: OwnCertificateOptions = {
      leases: store.leases, lease: ownLease('service-certificate', config), clock, context: issuance, folder: join(config.runtime, 'service'), hostNames,
      chain: chainOf(authorities.issuing.name), files: config.httpsCertificate,
    };
    const https = await httpsListener({
      listener: config.listen.https, own, stopping, before: release?.https, log, build: (tls) => buildHttpsApp({ ...appOptions, tls }, published, { ...parts, events, doors }),
      authorityEnded: () => authorities.issuing.certificate.notAfter < clock() / SECOND,
    });
    httpsUrl ??= https.listening()?.url('https');
    const metricsApp = serveMetrics ? await listenOn(config.listen.metrics, () => buildMetricsApp(appOptions, metrics.registry), stopping, release?.metrics) : undefined;

    // 5. Everything periodic.
    stopping.push(startUpkeeps({ core, cycle, replica, https, ocsp, acme: optional.acme, log }));
    await recordStart(core, log);
    notListening = () => (config.listen.https !== 'off' && https.listening() === undefined ? 'https is not listening: there is no certificate for it' : undefined);
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

/** The names in the service's own certificate. @throws Error as `permittedHostNames` */
function serverNames({ config, authorities }: Core, log: Logger): readonly string[] {
  const { names, leftOut } = permittedHostNames(config, authorities.issuing);
  if (leftOut.length > 0) log.warn({ leftOut }, 'the service\'s own certificate lacks some of the usual host names: name constraints forbid them');
  return names;
}

/** Audits the start, and warns of an operator certificate that the store does not know. Neither keeps the service from serving. */
async function recordStart(core: Core, log: Logger): Promise<void> {
  const failed = (what: string) => (err: unknown): void => log.error({ err }, what);
  await core.store.audit.append([{ time: core.clock(), event: 'service.started', actor: 'system', subject: 'service', details: { version: VERSION } }])
    // A disk that refuses writes must not prevent CRLs from being served.
    .catch(failed('the start could not be written to the audit log'));
  const unknown = await unknownOperator(core).catch(failed('it could not be checked whether the operator\'s certificate is in the store'));
  if (typeof unknown === 'string') log.warn(unknown);
}
