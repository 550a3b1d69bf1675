import type { AcmeService, AcmeServiceOptions } from './acme-service.ts';
import type { CfsslServiceOptions } from './cfssl-service.ts';
import type { App } from './http/app.ts';

type Door = (app: App) => void;

export interface OptionalParts {
  readonly acme: AcmeService;
  /** The cfssl API, and swarms. */
  readonly cfssl: readonly Door[];
  readonly attestation: readonly Door[];
}

const NO_ACME: AcmeService = { doors: [], look: () => Promise.resolve(), stop: () => Promise.resolve() };

/**
 * Features that can be switched off. Each is imported only if enabled, to keep its code out of memory otherwise.
 * @throws ProfileError if a feature's configuration cannot work; StoreUnavailable
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
