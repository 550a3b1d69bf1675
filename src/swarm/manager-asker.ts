import type { Asker } from '../cfssl/asker.ts';
import type { CallLimit } from '../cfssl/call-limit.ts';
import { violation } from '../cfssl/refusal.ts';
import type { Authentication } from '../http/authentication.ts';
import { peerCertificate } from '../http/peer-certificate.ts';
import type { Identity } from '../identity/identity.ts';
import type { AuditStore } from '../store/store.ts';
import { identifyManager, type ManagerOptions } from './manager.ts';
import { readNodeRequest } from './node-request.ts';

export interface ManagerAskerOptions extends ManagerOptions {
  readonly authentication: Pick<Authentication, 'attempt'>;
  readonly audit: Pick<AuditStore, 'append'>;
  readonly limit: CallLimit;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Managers of swarms, who call `sign` for the nodes of their swarm. */
export function managerAsker(options: ManagerAskerOptions): Asker {
  const { authentication, audit, limit, clock, profile } = options;
  return {
    ask: async (request, wanted) => {
      const presented = peerCertificate(request);
      if (presented === undefined) return undefined;
      const now = clock();
      const manager = await authentication.attempt(request, () => identifyManager(presented, options, now));
      if (manager === undefined) return undefined;
      const { clusterId, proof, serial } = manager;
      limit(`swarm/${clusterId}`, now);
      const asked = readNodeRequest(wanted, clusterId, profile);
      if ('faults' in asked) {
        const reason = asked.faults.join('; ');
        await audit.append([{ time: now, event: 'swarm.refused', actor: `cfssl:swarm/${clusterId}`, subject: clusterId, details: { serial, reason } }]);
        // Final: with any other status SwarmKit would keep asking.
        throw violation(`Policy violation request: ${reason}`, 200);
      }
      // All managers of a swarm are one requester: a join requested twice, even by two of them, yields one certificate.
      const identity: Identity = { kind: 'cfssl', name: `swarm/${clusterId}`, proof, serial, scopes: [], grant: { profiles: [profile], names: asked.names } };
      return { input: { identity, csr: wanted.csr, profile, names: asked.names, namesReplace: true, subject: asked.subject }, refusedWith: 200 };
    },
  };
}
