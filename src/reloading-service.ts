import { setTimeout as wait } from 'node:timers/promises';
import { deploymentMark } from './authority/succession.ts';
import type { Config } from './config/config.ts';
import type { Listener } from './config/forms.ts';
import { openUsableStore } from './open-store.ts';
import { type Addresses, type Service, type ServiceOptions, startService } from './service.ts';
import { keepUp } from './upkeep.ts';

/** A service that switches to a new authority, or an authority's new certificate, while it keeps serving. */
export interface ReloadingService {
  /** The service in charge at present. */
  readonly current: () => Service;
  /** Checks at once whether the authorities have changed, and switches if so. */
  readonly look: () => Promise<void>;
  /** Resolves once the service can no longer serve, which only a restart can fix. */
  readonly broken: Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface ReloadingOptions extends Omit<ServiceOptions, 'store' | 'release'> {
  /** Called with each service as it starts serving, including the first. */
  readonly serves?: (service: Service) => void;
}

const LOOK = 1000;
const GRACE = 1000;

/**
 * Starts the service, and replaces it whenever the authorities change: the new one is built completely on the same store while the old one
 * serves, then takes over its addresses, and the old one finishes what it had accepted. Nothing derived from an old authority survives.
 * @throws as `startService`
 */
export async function startReloading({ serves, ...options }: ReloadingOptions): Promise<ReloadingService> {
  const { config, log, clock = Date.now } = options;
  const store = await openUsableStore(config.store, log);
  const markNow = (): string => deploymentMark(config.data, config.authority.issuing, Math.floor(clock() / 1000));
  let broke: (why: string) => void = () => undefined;
  const broken = new Promise<string>((resolve) => (broke = resolve));
  let mark = '';
  let service: Service;
  try {
    service = await startService({ ...options, store });
    mark = markNow();
  } catch (error) {
    await store.close();
    throw error;
  }
  serves?.(service);

  const look = async (): Promise<void> => {
    const found = markNow();
    if (found === mark) return;
    mark = found;
    const before = service;
    const release = releasesOf(before);
    log.info('the authorities have changed: they are being reloaded');
    try {
      service = await startService({ ...options, store, config: onAddresses(config, before.addresses), release: release.each });
    } catch (err) {
      log.error({ err }, 'the changed authorities cannot be loaded');
      // The old one has lost its listeners, and the new one has none.
      if (release.used()) broke('the changed authorities were loaded only in part: all processes must restart');
      return;
    }
    serves?.(service);
    // Clients already connected to the old one, about to send a request, still get an answer.
    await wait(GRACE);
    await before.stop();
    log.info({ issuing: service.core.authorities.issuing.name }, 'the changed authorities are loaded');
  };
  const upkeep = keepUp(LOOK, look, (err) => log.error({ err }, 'it could not be checked whether the authorities have changed'));
  return {
    current: () => service, look, broken,
    stop: async () => {
      await upkeep.stop();
      await service.stop();
      await store.close();
    },
  };
}

function releasesOf({ release }: Service): { readonly each: Service['release']; readonly used: () => boolean } {
  let used = false;
  const of = (listener: keyof Addresses) => (): void => {
    used = true;
    release[listener]();
  };
  return { each: { https: of('https'), http: of('http'), metrics: of('metrics') }, used: () => used };
}

/** The configuration with the actual ports filled in. */
function onAddresses(config: Config, addresses: Addresses): Config {
  const at = (listener: Listener | 'off', url: string | undefined): Listener | 'off' =>
    listener === 'off' || url === undefined ? listener : { ...listener, port: Number(new URL(url).port) };
  const { https, http, metrics } = config.listen;
  return { ...config, listen: { https: at(https, addresses.https), http: at(http, addresses.http), metrics: at(metrics, addresses.metrics) } };
}
