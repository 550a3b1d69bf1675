import type { NameParts, SignRequest } from '../cfssl/sign-request.ts';
import type { AskedSubject } from '../issuance/input.ts';
import { MANAGER, NODE_ID, SWARM_CA, WORKER } from './swarm.ts';

const NOTHING: NameParts = { C: '', ST: '', L: '', O: '', OU: '', SerialNumber: '' };

/** A manager's request for a node, with the contents of the certificate. */
export interface NodeRequest {
  readonly subject: AskedSubject;
  readonly names: readonly string[];
}

/**
 * Parses SwarmKit's request for a node: role and id in the subject, the swarm as organization, and the same as names. Anything else is refused.
 * @returns all faults, if there are any
 */
export function readNodeRequest(wanted: SignRequest, clusterId: string, profile: string): NodeRequest | { readonly faults: readonly string[] } {
  const faults: string[] = [];
  const { subject, hosts = [], label } = wanted;
  if (wanted.profile === 'CA') return { faults: ['profile CA: certificates of a CA are not issued to swarms, so the roots of swarms are not cross-signed'] };
  if (wanted.profile !== undefined && wanted.profile !== profile) faults.push(`profile ${JSON.stringify(wanted.profile)}; expected none`);
  if (label !== undefined) faults.push('a label; expected none');
  if ([wanted.validity, wanted.notBefore, wanted.notAfter].some((value) => value !== undefined)) faults.push('a lifetime of its own; the profile determines the lifetime of nodes\' certificates');
  const { CN: id = '', names = [], SerialNumber = '' } = subject ?? {};
  const [{ O, OU: role, ...others } = NOTHING, ...more] = names;
  if (more.length > 0 || SerialNumber !== '' || Object.values(others).some((value) => value !== '')) faults.push('a subject with more than CN, OU and O');
  if (!NODE_ID.test(id)) faults.push(`common name ${JSON.stringify(id.slice(0, 64))}; expected the id of a node`);
  if (O !== clusterId) faults.push(`organization ${JSON.stringify(O.slice(0, 64))}; expected ${clusterId}, the swarm of the manager who asks`);
  if (role !== MANAGER && role !== WORKER) faults.push(`organizational unit ${JSON.stringify(role.slice(0, 64))}; expected ${MANAGER} or ${WORKER}`);
  const expected = [role, id, ...(role === MANAGER ? [SWARM_CA] : [])];
  if (hosts.length !== expected.length || !expected.every((name) => hosts.includes(name))) faults.push(`hosts ${JSON.stringify(hosts.slice(0, 8))}; expected ${expected.join(', ')}`);
  return faults.length > 0 ? { faults } : { subject: { commonName: id, organization: O, organizationalUnit: role }, names: expected };
}
