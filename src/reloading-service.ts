import { setTimeout as wait } from 'node:timers/promises';
import { deploymentMark } from './authority/succession.ts';
import type { Config } from './config/config.ts';
import type { Listener } from './config/forms.ts';
import { openUsableStore } from './open-store.ts';
import { type Addresses, type Service, type ServiceOptions, startService } from './service.ts';
import { keepUp } from './upkeep.ts';

/** A service that takes up another authority, or another certificate of one, while it serves. */
export interface ReloadingService {
  /** The one that serves now. */
  readonly current: () => Service;
  /** Looks at once whether the authorities are others, and takes them up. */
  readonly look: () => Promise<void>;
  /** Resolves when it cannot serve any more, which only another start can mend. */
  readonly broken: Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface ReloadingOptions extends Omit<ServiceOptions, 'store' | 'release'> {
  /** Told of each service as it begins to serve, the first one too. */
  readonly serves?: (service: Service) => void;
}

const LOOK = 1000;
const GRACE = 1000;

/**
 * Starts the service, and a new one in its place whenever the authorities have changed: built whole on the same store while the old one
 * serves, then on its addresses; what the old one had accepted it finishes. So nothing that was made of an authority can be left behind.
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
    log.info('the authorities are others than before: they are taken up');
    try {
      service = await startService({ ...options, store, config: onAddresses(config, before.addresses), release: release.each });
    } catch (err) {
      log.error({ err }, 'the authorities cannot be taken up');
      // The old one has no listener any more, and the new one is none.
      if (release.used()) broke('the authorities were taken up half: all must start anew');
      return;
    }
    serves?.(service);
    // Whoever has connected to the old one and is about to ask is still answered.
    await wait(GRACE);
    await before.stop();
    log.info({ issuing: service.core.authorities.issuing.name }, 'the authorities are taken up');
  };
  const upkeep = keepUp(LOOK, look, (err) => log.error({ err }, 'it could not be looked whether there are other authorities'));
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

/** The configuration with the ports that were really taken. */
function onAddresses(config: Config, addresses: Addresses): Config {
  const at = (listener: Listener | 'off', url: string | undefined): Listener | 'off' =>
    listener === 'off' || url === undefined ? listener : { ...listener, port: Number(new URL(url).port) };
  const { https, http, metrics } = config.listen;
  return { ...config, listen: { https: at(https, addresses.https), http: at(http, addresses.http), metrics: at(metrics, addresses.metrics) } };
}
