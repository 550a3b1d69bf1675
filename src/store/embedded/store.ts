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

/** The version of the files' layout (`keys.ts`) and of the values in them. */
const FORMAT = '2';
const CURSOR_KEY_BYTES = 32;
/** Milliseconds since the last durable write in which another one need not be tried. */
const KNOWN_GOOD = 1000;

export interface EmbeddedOptions {
  /** The folder; made where it is not. No other handle in this process, any number of other processes on this machine. */
  readonly path: string;
  /** Milliseconds after which a write that has not ended is given up as StoreUnavailable, its outcome unknown. 10 s where absent. */
  readonly patience?: number;
}

/**
 * The embedded store: LMDB's files in one folder, shared by the processes of one machine, with nothing to install or to run.
 * @throws StoreUnavailable; Error where the folder holds another version's files, or is open in this process already
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
      // A batch that does not end holds LMDB's lock, for which closing would wait: then the end of the process does it.
      if (await batches.close()) await environment.close();
    },
  };
}

/** Marks new files with their version and gives them a key for their cursors. */
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
