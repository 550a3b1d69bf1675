import t from 'tap';
import { auditContract } from './store/audit.ts';
import { certificatesContract } from './store/certificates.ts';
import { credentialsContract } from './store/credentials.ts';
import { crlsContract } from './store/crls.ts';
import { guardsContract } from './store/guards.ts';
import { leasesContract } from './store/leases.ts';
import { listingsContract } from './store/listings.ts';
import { objectsContract } from './store/objects.ts';
import { racesContract } from './store/races.ts';
import { requestsContract } from './store/requests.ts';
import { retryContract } from './store/retry.ts';
import { sweepContract } from './store/sweep.ts';
import { togetherContract } from './store/together.ts';
import type { OpenStore } from './store/harness.ts';

/** The store's contract: one suite, run for each implementation. `open` gives each test an empty store of its own. */
export function storeContract(name: string, open: OpenStore): void {
  const parts = {
    requests: requestsContract, guards: guardsContract, retry: retryContract, listings: listingsContract, certificates: certificatesContract, crls: crlsContract,
    credentials: credentialsContract, audit: auditContract, leases: leasesContract, objects: objectsContract, sweep: sweepContract, together: togetherContract, races: racesContract,
  };
  for (const [part, run] of Object.entries(parts)) {
    t.test(`${name}: ${part}`, async (t) => {
      run(t, open);
    });
  }
}
