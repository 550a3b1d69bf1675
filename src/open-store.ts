import type { AuditDraft } from './audit/entry.ts';
import type { Log } from './log.ts';
import type { Config } from './config/config.ts';
import type { LinkState } from './store/redis/link/options.ts';
import { TransferError } from './transfer/errors.ts';
import type { WholeStore } from './store/transfer.ts';

const SECOND = 1000;

/**
 * Opens the configured store. This is the only place that knows the implementations; each is imported only when used, to keep the other's
 * client out of memory.
 * @param told called when Redis becomes usable, or unusable and why
 * @throws StoreUnavailable if the store cannot be used now, with what to fix
 */
export async function openStore({ url, password, prefix, tls, sentinel, allowVolatile, minReplicas, replicaTimeout, timeout }: Config['store'], told?: (state: LinkState) => void): Promise<WholeStore> {
  if (url.kind === 'embedded') {
    const { openEmbeddedStore } = await import('./store/embedded/store.ts');
    return openEmbeddedStore({ path: url.folder });
  }
  const [{ openRedisLink }, { openRedisStore }] = await Promise.all([import('./store/redis/link/open-link.ts'), import('./store/redis/store.ts')]);
  const link = await openRedisLink({
    address: { ...url, ...(password === undefined ? {} : { password }) },
    hashTag: prefix, tls, sentinel, allowVolatile, minReplicas,
    replicaTimeout: replicaTimeout * SECOND, timeout: timeout * SECOND,
    ...(told === undefined ? {} : { told }),
  });
  try {
    return await openRedisStore({ link, prefix });
  } catch (error) {
    await link.close();
    throw error;
  }
}

/**
 * The same, with warnings an operator should see in the log. Refuses a store whose restore was not completed.
 * @throws StoreUnavailable, TransferError
 */
export async function openUsableStore(config: Config['store'], log?: Pick<Log, 'info' | 'warn' | 'error'>): Promise<WholeStore> {
  const store = await openStore(config, (state) => (state.usable ? log?.info(state, 'Redis can be used') : log?.error(state, 'Redis cannot be used')));
  if (losesAtFailover(config)) log?.warn('store.minReplicas is 0: a failover of Redis loses what its replicas had not received yet, including certificates and revocations');
  if (await store.transfer.mark() === undefined) return store;
  await store.close();
  throw new TransferError('unfinished', 'a restore into this store was not finished', 'run the same restore command again: it resumes where it stopped');
}

/** Appends to the audit log when nothing else is open, or can be yet. @throws StoreUnavailable, TransferError */
export async function appendAudit(config: Config['store'], entries: readonly AuditDraft[]): Promise<void> {
  const store = await openUsableStore(config);
  try {
    await store.audit.append(entries);
  } finally {
    await store.close();
  }
}

/** Whether a failover could promote a server that lacks acknowledged writes. */
export const losesAtFailover = ({ url, minReplicas }: Config['store']): boolean => url.kind === 'redis' && url.topology !== 'single' && minReplicas === 0;
