import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { authoritiesFolder } from './authority/layout.ts';
import type { Config } from './config/config.ts';
import { openStore } from './open-store.ts';
import type { WholeStore } from './store/transfer.ts';
import { backup, type Progress } from './transfer/backup.ts';
import { TransferError } from './transfer/errors.ts';
import { restoreFile, restoreStore, type Restored, type RestoreOptions } from './transfer/restore.ts';
import { VERSION } from './version.ts';

const ACTOR = 'service:restore';

/**
 * Writes the contents of the configured store to a file, even while a service is using the store.
 * @throws TransferError, StoreUnavailable
 */
export const backupTo = (file: string, config: Config, clock: () => number, progress: Progress): ReturnType<typeof backup> =>
  withStore(there(config.store), (store) => backup({ source: { store, authorities: authorityNames(config) }, file, program: VERSION, id: randomUUID(), clock, progress }));

export interface RestoreFrom {
  /** A backup, or the address of a store. */
  readonly from: { readonly file: string } | { readonly store: Config['store']['url'] };
  readonly more: boolean;
}

/**
 * Copies the contents of a backup or of another store into the configured store.
 * @throws TransferError, StoreUnavailable
 */
export const restoreFrom = ({ from, more }: RestoreFrom, config: Config, clock: () => number, progress: Progress): Promise<Restored> =>
  withStore(config.store, (target) => {
    const options: RestoreOptions = { target, clock, more, actor: ACTOR, shards: config.crl.shards, progress };
    if ('file' in from) return restoreFile(from.file, options);
    return withStore(there({ ...config.store, url: from.store }), (store) => restoreStore({ store, authorities: authorityNames(config) }, options));
  });

/** Opening an embedded store creates it if absent, and a backup of an empty store is never intended. @throws TransferError */
function there(settings: Config['store']): Config['store'] {
  if (settings.url.kind === 'embedded' && !existsSync(join(settings.url.folder, 'data.mdb'))) {
    throw new TransferError('no-store', `there is no store in ${settings.url.folder}`, 'name the data folder with --data, or the store with CHANCERY_STORE__URL');
  }
  return settings;
}

async function withStore<T>(settings: Config['store'], work: (store: WholeStore) => Promise<T>): Promise<T> {
  const store = await openStore(settings);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const authorityNames = ({ data }: Config): string[] => {
  const folder = authoritiesFolder(data);
  return existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name) : [];
};
