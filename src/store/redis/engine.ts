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

/** What all parts of the store work with. */
export interface Engine {
  readonly keys: Keyspace;
  readonly link: RedisLink;
  /** Performs an operation of `scripts/batch.ts`, in the next batch. */
  readonly submit: (...operation: readonly Packable[]) => Promise<Reply>;
  /** Performs a lookup of `scripts/reads.ts`, in the next batch of those. */
  readonly find: (...caller: readonly Packable[]) => Promise<Reply>;
  /** Runs a read-only script, with the prefix as its first argument. */
  readonly look: (script: Script, ...args: readonly (string | Buffer | number)[]) => Promise<Reply>;
  /** Runs a script that writes, outside any batch. */
  readonly run: (script: Script, ...args: readonly (string | Buffer | number)[]) => Promise<Reply>;
  readonly get: (key: Buffer) => Promise<Buffer | undefined>;
  readonly read: (...commands: readonly Command[]) => Promise<readonly Reply[]>;
  /** Called after a batch that wrote log lines. */
  onLines: (written: WrittenLines) => void;
  /** Accepts no more writes, and resolves once those submitted have completed. */
  readonly close: () => Promise<void>;
}

/** Lines that a batch has written, the number of the line before them, and META.link before and after. */
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

/** Converts the reply of an operation that failed within the script to an error; other operations of the batch are unaffected. */
function broken(reply: Reply): Reply | StoreUnavailable {
  const [kind, message] = listOf(reply);
  return kind === FAILED ? new StoreUnavailable(`Redis cannot do it: ${bytesOf(message)?.toString() ?? ''}`) : reply;
}

/** The log lines of an operation, which are its last operand. */
function linesOf(operation: Packable | undefined): readonly string[] {
  const last = Array.isArray(operation) ? (operation as readonly Packable[]).at(-1) : undefined;
  return Array.isArray(last) ? last as readonly string[] : [];
}

/** Log lines for audit entries. */
export const auditLines = (drafts: readonly AuditDraft[]): readonly string[] => drafts.map(encodeDraft);

/** A reply as bytes; undefined for anything else. */
export const bytesOf = (reply: Reply | undefined): Buffer | undefined => (Buffer.isBuffer(reply) ? reply : undefined);
/** A reply as a list; empty for anything else. */
export const listOf = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply as readonly Reply[] : []);
