import { randomBytes } from 'node:crypto';
import type { IndexedStore } from '../indexed.ts';
import type { WholeStore } from '../transfer.ts';
import { AuditLog } from './audit.ts';
import { certificateStore } from './certificates.ts';
import { apiKeyStore, tokenStore } from './credentials.ts';
import { crlStore } from './crls.ts';
import { auditLines, bytesOf, createEngine } from './engine.ts';
import { Hints } from './hints.ts';
import { KEYS, META, digestOctets, keyspace } from './keys.ts';
import { leaseStore } from './leases.ts';
import type { RedisLink } from './link/link.ts';
import { rebuildIndexes } from './rebuild.ts';
import { replicaStore } from './replicas.ts';
import { requestStore } from './request-store.ts';
import { objectStore } from './objects.ts';
import { prepareScript } from './scripts/prepare.ts';
import { sweeper } from './sweep.ts';
import { transferStore } from './transfer.ts';

/**
 * A different Redis at the same address, or one that has been emptied, knows of no revocations: a process that continued with it would publish CRLs
 * without entries. The key for cursors identifies the store.
 */
async function holdOn(link: RedisLink, meta: string): Promise<void> {
  const command = ['HGET', meta, META.cursorKey] as const;
  const [reply] = await link.read([command]);
  if (Buffer.isBuffer(reply)) link.demand({ command, reply, otherwise: 'it is not the store that was opened: somebody has emptied or replaced it; restore its content, or restart the service' });
}

/** Version of the layout (`keys.ts`) and of the values. */
const FORMAT = '1';
const CURSOR_KEY_BYTES = 32;

export interface RedisStoreOptions {
  /** The link to Redis, which the store closes. */
  readonly link: RedisLink;
  /** The hash tag of all keys; default `chancery`. */
  readonly prefix?: string;
}

/**
 * Opens the store in Redis, shared by any number of processes on any number of machines.
 * @throws StoreUnavailable; Error if the data is of another version
 */
export async function openRedisStore({ link, prefix = 'chancery' }: RedisStoreOptions): Promise<WholeStore & IndexedStore> {
  const keys = keyspace(prefix);
  const engine = createEngine(link, keys);
  const format = bytesOf(await engine.run(prepareScript, FORMAT, randomBytes(CURSOR_KEY_BYTES)))?.toString();
  if (format !== FORMAT) throw new Error(`the keys in Redis are of version ${format ?? '?'}; this program reads version ${FORMAT}`);
  await holdOn(link, keys.meta);
  const hints = new Hints(link, keys);
  const audit = new AuditLog(engine);
  return {
    requests: requestStore(engine),
    certificates: certificateStore(engine, hints),
    tokens: tokenStore(engine),
    apiKeys: apiKeyStore(engine),
    crls: crlStore(engine, hints),
    audit,
    leases: leaseStore(engine),
    objects: objectStore(engine),
    replicas: replicaStore(engine),
    transfer: transferStore(engine, audit),
    blockedKeys: {
      has: async (keyHash) => (await engine.read(['SISMEMBER', keys.of(KEYS.blocked), digestOctets(keyHash)]))[0] === 1,
      add: async (keyHash, drafts) => {
        await engine.submit('block', digestOctets(keyHash), auditLines(drafts));
      },
    },
    ping: () => link.ping(),
    sweep: sweeper(engine),
    rebuildIndexes: (progress = () => undefined) => rebuildIndexes(engine, progress),
    close: async () => {
      await audit.close();
      await engine.close();
      await link.close();
    },
  };
}

