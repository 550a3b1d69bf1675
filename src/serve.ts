import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AggregatorRegistry } from 'prom-client';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import { DEVELOPMENT_MARK, tellDevelopment } from './development.ts';
import { sweepAside } from './authority/durable-file.ts';
import { AuthorityError } from './authority/errors.ts';
import { authoritiesFolder, unfinishedFile } from './authority/layout.ts';
import { keepHeapSmall } from './heap.ts';
import { listenOn } from './listen.ts';
import { buildMetricsApp } from './http/metrics-app.ts';
import { createLogger } from './log.ts';
import { type ReloadingService, startReloading } from './reloading-service.ts';
import { openCore } from './open-core.ts';
import type { Addresses } from './service.ts';
import { startWorkers, type WorkerMessage } from './workers.ts';

export interface ServeIo {
  readonly stdout: { readonly write: (text: string) => unknown };
  readonly stderr: { readonly write: (text: string) => unknown };
  /** Write JSON lines instead of text for people. */
  readonly json: boolean;
}

/**
 * Runs the service until SIGTERM or SIGINT. If there is neither a configuration nor an authority, it creates a development authority.
 * @returns the exit status
 */
export async function serve(config: Config, io: ServeIo): Promise<number> {
  keepHeapSmall();
  const log = createLogger(config.log.level, (line) => void io.stderr.write(line));
  if (cluster.isWorker) return work(config, log);
  const development = await prepareData(config, io);
  return config.workers > 1 ? supervise(config, log, io, development) : single(config, log, io, development);
}

/** @returns true if the authority was created for development, by this start or an earlier one */
async function prepareData(config: Config, io: ServeIo): Promise<boolean> {
  const { data } = config;
  const authorities = authoritiesFolder(data);
  for (const folder of [data, authorities, join(data, 'operator')]) sweepAside(folder);
  if (config.file === undefined && !existsSync(authorities)) {
    if (!io.json) io.stdout.write(`No authority in ${data}: making one for development (a root and an issuing authority, P-256).\n`);
    const { initialise } = await import('./initialise.ts');
    try {
      await initialise({ mode: 'internal', rootSubject: 'CN=Chancery Development Root', issuingSubject: 'CN=Chancery Development Issuing', development: true }, config, Date.now);
    } catch (error) {
      // Another process that started at the same moment on the same folder was faster.
      if (!(error instanceof AuthorityError) || !existsSync(authorities)) throw error;
    }
  }
  if (existsSync(unfinishedFile(data))) {
    const { finishDevelopment } = await import('./initialise.ts');
    await finishDevelopment(config, Date.now);
  }
  return existsSync(join(data, DEVELOPMENT_MARK));
}

async function single(config: Config, log: Logger, io: ServeIo, development: boolean): Promise<number> {
  const stop = stopSignal();
  const service = await startReloading({ config, log });
  const { core, addresses } = service.current();
  tellReady(io, addresses);
  if (development) await tellDevelopment(core, addresses, io);
  const status = await untilStopped(stop, service, log);
  await service.stop();
  return status;
}

/** @returns the exit status: 1 if a supervisor should restart the process */
async function untilStopped(stop: Promise<string>, { broken }: ReloadingService, log: Logger): Promise<number> {
  const [stopping, why] = await Promise.race([stop.then((signal) => [signal] as const), broken.then((words) => [undefined, words] as const)]);
  if (stopping === undefined) log.error({ why }, 'stopping');
  else log.info({ stopping }, 'stopping: accepted requests are finished first');
  return stopping === undefined ? 1 : 0;
}

/** Runs one worker. It reports to the primary process, which speaks for all, where it serves or why it does not. */
async function work(config: Config, log: Logger): Promise<number> {
  const stop = stopSignal();
  const tell = (message: WorkerMessage): Promise<void> => new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
  try {
    const service = await startReloading({ config, log, serveMetrics: false, serves: ({ core }) => AggregatorRegistry.setRegistries([core.metrics.registry]) });
    new AggregatorRegistry();
    await tell({ ready: service.current().addresses });
    const status = await untilStopped(stop, service, log);
    await service.stop();
    return status;
  } catch (error) {
    await tell({ failed: error instanceof Error ? error.message : String(error) });
    return 1;
  } finally {
    // The IPC channel would keep the process alive.
    process.disconnect?.();
  }
}

/** Runs workers, serves their aggregated metrics, and stops them all in the end. */
async function supervise(config: Config, log: Logger, io: ServeIo, development: boolean): Promise<number> {
  const stop = stopSignal();
  const workers = await startWorkers(config.workers, stop, log);
  if (workers === undefined) return 0;
  try {
    const { https, http } = workers.addresses;
    const metrics = await serveClusterMetrics(config, log);
    try {
      tellReady(io, { https, http, metrics: metrics?.url });
      if (development) await tellDevelopmentOnce(config, workers.addresses, io);
      log.info({ stopping: await stop }, 'stopping: accepted requests are finished first');
    } finally {
      await metrics?.close();
    }
  } finally {
    await workers.stop();
  }
  return 0;
}

/** The primary has no store open, so it opens one just to create the token. */
async function tellDevelopmentOnce(config: Config, addresses: Addresses, io: ServeIo): Promise<void> {
  const core = await openCore(config, Date.now);
  try {
    await tellDevelopment(core, addresses, io);
  } finally {
    await core.store.close();
  }
}

async function serveClusterMetrics({ listen, limits }: Config, log: Logger): Promise<{ readonly url: string; readonly close: () => Promise<void> } | undefined> {
  const all = new AggregatorRegistry();
  const registry = { contentType: all.contentType, metrics: () => all.clusterMetrics() };
  const stopping: (() => Promise<unknown>)[] = [];
  const listening = await listenOn(listen.metrics, () => buildMetricsApp({ limits, logger: log, logRequests: false, clock: Date.now }, registry), stopping);
  return listening && { url: listening.url('http'), close: () => listening.app.close() };
}

/** Resolves with the first signal to stop. The handlers run once: a second signal ends the process at once. */
const stopSignal = (): Promise<string> => new Promise((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
});

/** Prints the line that programs wait for. */
function tellReady({ stdout, json }: ServeIo, { https, http, metrics }: Addresses): void {
  const addresses = { ...(https && { https }), ...(http && { http }), ...(metrics && { metrics }) };
  stdout.write(json ? `${JSON.stringify({ ready: addresses })}\n` : `ready ${Object.entries(addresses).map(([name, url]) => `${name}=${url}`).join(' ')}\n`);
}
