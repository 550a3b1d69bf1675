import { issuersOf } from '../../config/oidc-issuers.ts';
import { keysFrom } from '../../oidc-issuers.ts';
import { type Check, type Finding, type Patient, fail, ok } from './check.ts';

/** Checks whether the keys of the trusted OIDC issuers can be fetched from here. Empty if there are none. */
export const oidcChecks = ({ config }: Patient): readonly Check[] => (config === undefined || issuersOf(config).length === 0 ? [] : [{ name: 'token issuers', look: issuers }]);

async function issuers({ config }: Patient): Promise<Finding> {
  const settings = config === undefined ? [] : issuersOf(config);
  const found = await Promise.all(settings.map(async (one) => {
    try {
      const keys = keysFrom(one);
      return { name: one.name, count: (typeof keys === 'function' ? await keys() : keys).length };
    } catch (error) {
      return { name: one.name, problem: error instanceof Error ? error.message : String(error) };
    }
  }));
  const bad = found.filter(({ problem }) => problem !== undefined);
  if (bad.length > 0) return fail(bad.map(({ name, problem = '' }) => `${name}: ${problem}`).join('; '), 'tokens of it are refused: look at oidc.issuers, its address, ca and permitNetworks');
  return ok(found.map(({ name, count = 0 }) => `${name} (${count} ${count === 1 ? 'key' : 'keys'})`).join(', '));
}
