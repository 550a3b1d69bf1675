import type { BlockList } from './policy/block-list.ts';
import type { Config } from './config/config.ts';
import type { HoldingContext } from './eligibility/holdings.ts';
import { heldKinds, ownershipIn } from './eligibility/ownership.ts';
import { webhook } from './eligibility/webhook/ask.ts';
import { webhookStep } from './eligibility/webhook/step.ts';
import type { App } from './http/app.ts';
import type { Authentication } from './http/authentication.ts';
import { holdingRoutes } from './http/rest/holdings.ts';
import type { IssuanceContext } from './issuance/context.ts';
import type { Metrics } from './metrics.ts';
import { compileSteps } from './policy/compile-steps.ts';
import { ProfileError } from './policy/profile.ts';
import type { Store } from './store/store.ts';

/** Routes for looking up and releasing ownership of names and keys. */
export const holdingDoor = (holdings: HoldingContext, authentication: Authentication) => (app: App): void => holdingRoutes(app, { holdings, authentication });

export interface EligibilityOptions {
  readonly config: Config;
  readonly store: Pick<Store, 'objects' | 'requests'>;
  readonly blockLists: readonly BlockList[];
  readonly metrics: Pick<Metrics, 'webhookAnswered'>;
  readonly report: IssuanceContext['report'];
}

/**
 * Compiles the configured eligibility checks.
 * @throws ProfileError if a webhook's files cannot be read
 */
export function eligibilityOf({ config, store, blockLists, metrics, report }: EligibilityOptions): Pick<IssuanceContext, 'steps' | 'quota' | 'approval' | 'ownership' | 'asksOutside'> {
  const compiled = compileSteps(config.eligibility, blockLists, (setting) => {
    const endpoint = config.webhooks[setting.webhook];
    if (endpoint === undefined) throw new ProfileError([`eligibility: there is no webhook ${setting.webhook}`]);
    try {
      return webhookStep(setting, webhook({ endpoint: { name: setting.webhook, ...endpoint }, told: metrics.webhookAnswered, report }));
    } catch (error) {
      throw new ProfileError([`webhooks.${setting.webhook}: ca, cert or key cannot be used (${error instanceof Error ? error.message : String(error)})`]);
    }
  });
  const kindsOf = heldKinds(config.eligibility);
  return {
    ...compiled,
    ownership: kindsOf === undefined ? undefined : ownershipIn(store.objects, store.requests, kindsOf),
    asksOutside: compiled.steps.some(({ outside }) => outside === true),
  };
}
