// The servers that can be loaded. Each has its own processes and folders; all are pinned to the same core, and idle while another is loaded.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startCfssl } from './cfssl.mjs';
import { issuedCount, makeApiKey, startChancery } from './chancery.mjs';
import { stop, temporaryFolder } from './workplace.mjs';

/** A file system in memory: a sync there is not durable, and takes no time. */
const MEMORY = '/dev/shm';

export const CONTESTANTS = {
  chancery: { title: 'Chancery', start: chancery({}) },
  verifying: { title: 'Chancery, verifying', start: chancery({ settings: { CHANCERY_AUTHORITY__VERIFY_SIGNATURES: 'true' } }) },
  volatile: { title: 'Chancery, not durable', start: chancery({ parent: MEMORY }) },
  cfssl: { title: 'cfssl', start: cfssl },
};

/**
 * @typedef {object} Contestant
 * @property {(round: string) => Promise<{ pid: number, url: string, member: string, status: number, authorization?: string }>} target
 *   where to send CSRs; in each round every CSR is new to it
 * @property {() => Promise<number | undefined>} count the number of certificates issued, as reported by the server
 * @property {string} samples the file for samples of its replies
 * @property {(answer: any) => string} certificateIn
 * @property {string} root
 * @property {string} [chain]
 * @property {() => Promise<void>} stop
 */

/** @returns {(options: { name: string, folder: string, core: number, build: string, node: string, profile?: string }) => Promise<Contestant>} */
function chancery({ settings, parent }) {
  return async ({ name, folder, ...options }) => {
    const data = parent === undefined ? join(folder, name) : temporaryFolder(parent);
    mkdirSync(data, { recursive: true });
    const service = await startChancery({ ...options, data, settings });
    return {
      ...service,
      target: async (round) => ({
        // Repeating a CSR as the same requester would return the existing certificate; with a new API key each CSR is a new request.
        pid: service.child.pid, url: `${service.url}/v1/requests`, member: 'csr', status: 201, authorization: `Bearer ${await makeApiKey(service, `bench-${round}`)}`,
      }),
      count: () => issuedCount(service),
      samples: join(folder, `${name}.answers`),
      certificateIn: ({ certificate }) => certificate,
      stop: () => stop(service.child),
    };
  };
}

async function cfssl({ name, folder, core }) {
  const own = join(folder, name);
  mkdirSync(own);
  const service = await startCfssl({ folder: own, core });
  return {
    ...service,
    target: async () => ({ pid: service.child.pid, url: `${service.url}/api/v1/cfssl/sign`, member: 'certificate_request', status: 200 }),
    count: async () => undefined,
    samples: join(folder, `${name}.answers`),
    certificateIn: ({ result }) => result.certificate,
    stop: () => stop(service.child),
  };
}
