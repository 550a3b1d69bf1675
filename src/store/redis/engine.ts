import type { AuditDraft } from '../../audit/entry.ts';
import { StoreUnavailable } from '../store.ts';
import { encodeDraft } from './audit-lines.ts';
import { Batches, inBatches } from './batches.ts';
import type { Keyspace } from './keys.ts';
import type { Command, RedisLink, Reply, Script } from './link/link.ts';
import { pack } from './pack.ts';
import type { Packable } from './pack.ts';
import { FAILED, batchScript } from './scripts/batch.ts';
import { findScript } from './scripts/reads.ts';

/** What every part of the store works with. */
export interface Engine {
  readonly keys: Keyspace;
  readonly link: RedisLink;
  /** One operation of `scripts/batch.ts`, in the next batch. */
  readonly submit: (...operation: readonly Packable[]) => Promise<Reply>;
  /** One caller of `scripts/reads.ts`, in the next batch of those. */
  readonly find: (...caller: readonly Packable[]) => Promise<Reply>;
  /** A script that only reads, with the prefix as its first argument. */
  readonly look: (script: Script, ...args: readonly (string | Buffer | number)[]) => Promise<Reply>;
  /** A script that writes and is in no batch. */
  readonly run: (script: Script, ...args: readonly (string | Buffer | number)[]) => Promise<Reply>;
  readonly get: (key: Buffer) => Promise<Buffer | undefined>;
  readonly read: (...commands: readonly Command[]) => Promise<readonly Reply[]>;
  /** Called after a batch that wrote lines of the log. */
  onLines: (written: WrittenLines) => void;
  /** Takes no more writes, and ends when those that were submitted have. */
  readonly close: () => Promise<void>;
}

/** Lines that a batch has written, the number of the line before them, and META.link around them. */
export interface WrittenLines {
  readonly before: number;
  readonly linkBefore: string;
  readonly linkAfter: string;
  readonly lines: readonly string[];
}

export function createEngine(link: RedisLink, keys: Keyspace): Engine {
  let place = 0;
  const writes = new Batches(async (operations) => {
    const { bytes, bulks } = pack(operations, place);
    const reply = await link.evaluate(batchScript, [keys.meta], [keys.prefix, bytes, place, ...bulks]);
    const [before, linkBefore, linkAfter, last, replies, written] = listOf(reply);
    place = Number(last);
    if (listOf(written).length > 0) {
      const lines = listOf(written).flatMap((at) => linesOf(operations[Number(at) - 1]));
      engine.onLines({ before: Number(before), linkBefore: String(linkBefore), linkAfter: String(linkAfter), lines });
    }
    return listOf(replies).map(broken);
  });
  const finds = inBatches(link, keys, findScript);
  const engine: Engine = {
    keys,
    link,
    submit: (...operation) => writes.submit(...operation),
    find: (...caller) => finds.submit(...caller),
    look: (script, ...args) => link.readScript(script, [keys.meta], [keys.prefix, ...args]),
    run: (script, ...args) => link.evaluate(script, [keys.meta], [keys.prefix, ...args]),
    get: async (key) => {
      const [value] = await link.read([['GET', key]]);
      return Buffer.isBuffer(value) ? value : undefined;
    },
    read: (...commands) => link.read(commands),
    onLines: () => undefined,
    close: async () => {
      await Promise.all([writes.close(), finds.close()]);
    },
  };
  return engine;
}

/** An operation that broke in the script, alone of its batch, as an error; any other reply as it is. */
function broken(reply: Reply): Reply | StoreUnavailable {
  const [kind, message] = listOf(reply);
  return kind === FAILED ? new StoreUnavailable(`Redis cannot do it: ${bytesOf(message)?.toString() ?? ''}`) : reply;
}

/** The lines of an operation are its last operand. */
function linesOf(operation: Packable | undefined): readonly string[] {
  const last = Array.isArray(operation) ? (operation as readonly Packable[]).at(-1) : undefined;
  return Array.isArray(last) ? last as readonly string[] : [];
}

/** The lines of a write's audit entries. */
export const auditLines = (drafts: readonly AuditDraft[]): readonly string[] => drafts.map(encodeDraft);

/** A reply that is bytes. */
export const bytesOf = (reply: Reply | undefined): Buffer | undefined => (Buffer.isBuffer(reply) ? reply : undefined);
/** A reply that is a list; empty where it is anything else. */
export const listOf = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply as readonly Reply[] : []);
