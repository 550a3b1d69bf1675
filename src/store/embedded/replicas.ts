import type { Replica, ReplicaStore } from '../replicas.ts';
import type { Batches } from './batch.ts';
import type { Environment, Reads } from './environment.ts';
import { REPLICA, behind } from './keys.ts';

const keyOf = (id: string): Buffer => Buffer.concat([REPLICA, Buffer.from(id)]);

const all = (tables: Reads): { readonly key: Buffer; readonly replica: Replica }[] =>
  Array.from(tables.meta.getRange({ start: REPLICA, end: behind(REPLICA) }), ({ key, value }) => ({ key, replica: JSON.parse(value.toString()) as Replica }));

/** The processes serving from these files. */
export function replicaStore(environment: Environment, batches: Batches): ReplicaStore {
  return {
    announce: (replica, forget) => batches.submit((transaction) => {
      for (const { key, replica: { seenAt } } of all(transaction.tables)) if (seenAt < forget) transaction.remove('meta', key);
      transaction.put('meta', keyOf(replica.id), Buffer.from(JSON.stringify(replica)));
    }),
    list: () => environment.read((tables) => all(tables).map(({ replica }) => replica)),
    leave: (id) => batches.submit((transaction) => transaction.remove('meta', keyOf(id))),
  };
}
