import type { Replica, ReplicaStore } from '../replicas.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { KEYS } from './keys.ts';

const SEEN_BYTES = 6;

/** The processes serving from this store. */
export const replicaStore = ({ keys, read, submit }: Engine): ReplicaStore => ({
  async announce(replica, forget) {
    const seen = Buffer.alloc(SEEN_BYTES);
    seen.writeUIntBE(replica.seenAt, 0, SEEN_BYTES);
    await submit('announce', replica.id, Buffer.concat([seen, Buffer.from(JSON.stringify(replica))]), forget);
  },
  async list() {
    const [reply] = await read(['HVALS', keys.of(KEYS.replicas)]);
    return listOf(reply).map((one) => JSON.parse(bytesOf(one)?.toString('utf8', SEEN_BYTES) ?? '') as Replica);
  },
  async leave(id) {
    await submit('leave', id);
  },
});
