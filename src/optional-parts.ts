import type { AcmeService, AcmeServiceOptions } from './acme-service.ts';
import type { CfsslServiceOptions } from './cfssl-service.ts';
import type { App } from './http/app.ts';

type Door = (app: App) => void;

export interface OptionalParts {
  readonly acme: AcmeService;
  /** The API of cfssl, and swarms. */
  readonly cfssl: readonly Door[];
  readonly attestation: readonly Door[];
}

const NO_ACME: AcmeService = { doors: [], look: () => Promise.resolve(), stop: () => Promise.resolve() };

/**
 * What a configuration may leave out. Each part is loaded where it is turned on: its code would only take memory.
 * @throws ProfileError where a part cannot be as it is configured; StoreUnavailable
 */
export async function optionalParts(options: AcmeServiceOptions & CfsslServiceOptions): Promise<OptionalParts> {
  const { core, authentication, log } = options;
  const { acme, cfssl, swarm, attestation: { x509, aws, gcp, azure, ssh } } = core.config;
  return {
    acme: acme.enabled ? await (await import('./acme-service.ts')).acmeService(options) : NO_ACME,
    cfssl: cfssl.enabled || swarm.enabled ? (await import('./cfssl-service.ts')).cfsslDoors(options) : [],
    attestation: [x509, aws, gcp, azure, ssh].some((proof) => proof !== undefined) ? [(await import('./attestation-service.ts')).attestationDoor(core, authentication, log)] : [],
  };
}
