import { randomBytes } from 'node:crypto';
import type { WholeStore } from '../transfer.ts';
import { auditStore } from './audit.ts';
import { Batches } from './batch.ts';
import { blockKeyOf, certificateStore } from './certificates.ts';
import { crlStore } from './crls.ts';
import { Environment } from './environment.ts';
import { Hints } from './hints.ts';
import { META } from './keys.ts';
import { leaseStore } from './leases.ts';
import { MarkIndex } from './mark-index.ts';
import { objectStore } from './objects.ts';
import { replicaStore } from './replicas.ts';
import { requestStore } from './request-store.ts';
import { isBlocked } from './requests.ts';
import { sweeper } from './sweep.ts';
import { apiKeyStore, tokenStore } from './tokens.ts';
import { transferStore } from './transfer.ts';

/** Version of the layout (`keys.ts`) and of the values. */
const FORMAT = '2';
const CURSOR_KEY_BYTES = 32;
/** Milliseconds after a durable write during which `ping` need not write again. */
const KNOWN_GOOD = 1000;

export interface EmbeddedOptions {
  /** The folder, created if absent. It may be open once in this process, and in any number of other processes on this machine. */
  readonly path: string;
  /** Milliseconds after which an incomplete write is given up as StoreUnavailable, its outcome unknown. Default: 10 s. */
  readonly patience?: number;
}

/**
 * Opens the embedded store: LMDB files in one folder, shared by the processes of one machine, with nothing to install or run.
 * @throws StoreUnavailable; Error if the files are of another version, or the folder is already open in this process
 */
export async function openEmbeddedStore({ path, patience }: EmbeddedOptions): Promise<WholeStore> {
  const environment = await Environment.open(path);
  const marks = new MarkIndex();
  const hints = new Hints();
  const batches = new Batches(environment, marks, patience);
  try {
    await prepareFiles(environment, batches);
    await marks.renew(environment);
  } catch (error) {
    await batches.close();
    await environment.close();
    throw error;
  }
  const sweep = sweeper(environment, batches);
  return {
    requests: requestStore(environment, batches, marks),
    certificates: certificateStore(environment, batches, hints),
    tokens: tokenStore(environment, batches),
    apiKeys: apiKeyStore(environment, batches),
    crls: crlStore(environment, batches, hints),
    audit: auditStore(environment, batches),
    leases: leaseStore(batches),
    objects: objectStore(environment, batches),
    replicas: replicaStore(environment, batches),
    transfer: transferStore(environment, batches),
    blockedKeys: {
      has: (keyHash) => environment.read((tables) => isBlocked(tables, keyHash)),
      add: (keyHash, audit) => batches.submit((transaction) => {
        if (isBlocked(transaction.tables, keyHash)) return;
        blockKeyOf(transaction, keyHash);
        transaction.audit(audit);
      }),
    },
    ping: async () => {
      if (batches.wroteWithin(KNOWN_GOOD)) return;
      await batches.submit((transaction) => transaction.put('meta', META.ping, Buffer.from(String(Date.now()))));
    },
    sweep: (now, { retainEnded, most }) => sweep({ now, retainEnded }, most),
    close: async () => {
      // A batch that does not complete holds LMDB's lock, on which closing would block: the end of the process releases it.
      if (await batches.close()) await environment.close();
    },
  };
}

/** Records the version in new files, and creates the key for their cursors. */
async function prepareFiles(environment: Environment, batches: Batches): Promise<void> {
  const format = await environment.read((tables) => tables.meta.getBinary(META.format)?.toString());
  if (format === undefined) {
    await batches.submit((transaction) => {
      // Another process may have been faster.
      if (transaction.tables.meta.doesExist(META.format)) return;
      transaction.put('meta', META.format, Buffer.from(FORMAT));
      transaction.put('meta', META.cursorKey, randomBytes(CURSOR_KEY_BYTES));
    });
  } else if (format !== FORMAT) {
    throw new Error(`the store's files are of version ${format}; this program reads version ${FORMAT}`);
  }
}
