import type { Authority } from './authority/authority.ts';
import type { Config } from './config/config.ts';
import { constraintViolations } from './policy/name-constraints.ts';
import { parseCertificate } from './x509/certificate.ts';
import { valueOf } from './x509/extension.ts';
import { textToName } from './x509/general-name.ts';
import { decodeNameConstraints } from './x509/name-constraints.ts';
import { OID } from './x509/oids.ts';

export interface HostNames {
  readonly names: readonly string[];
  /** Default names that the service's certificate cannot contain, each with the reason in a sentence. */
  readonly leftOut: readonly string[];
}

/**
 * The host names for the service's own certificate that satisfy the name constraints of the authorities above it (RFC 5280 4.2.1.10).
 * Default names that do not are left out; configured names never are, as someone relies on them.
 * @throws Error if a configured name is forbidden, or no default name is left
 */
export function permittedHostNames({ hostNames, hostNamesGiven }: Pick<Config, 'hostNames' | 'hostNamesGiven'>, issuing: Authority): HostNames {
  const judged = hostNames.map((name) => ({ name, violations: violationsOf(name, issuing) }));
  const names = judged.filter(({ violations }) => violations.length === 0).map(({ name }) => name);
  const leftOut = judged.flatMap(({ violations }) => violations);
  if (leftOut.length > 0 && (hostNamesGiven || names.length === 0)) {
    const which = hostNamesGiven ? 'hostNames violate' : 'the usual host names all violate';
    throw new Error(`${which} the name constraints of the issuing authority: ${leftOut.join('; ')}; expected hostNames (CHANCERY_HOST_NAMES) to be names of this service that it permits`);
  }
  return { names, leftOut };
}

function violationsOf(name: string, { der, chain }: Authority): string[] {
  return [der, ...chain].flatMap((each) => {
    const constraints = valueOf(parseCertificate(each), OID.nameConstraints, decodeNameConstraints);
    return constraints === undefined ? [] : constraintViolations(constraints, [textToName(name)]);
  });
}
