import type { StoreChanges, TransferStore } from '../transfer.ts';
import { parseLine } from '../../audit/chain.ts';
import { linesFrom } from './audit.ts';
import type { Batches } from './batch.ts';
import { readPage, standingOf, thingsOf } from './dump.ts';
import type { Environment, Reads } from './environment.ts';
import { META } from './keys.ts';
import { loadEntries, loadItem } from './load.ts';
import { objectsBehind } from './objects.ts';
import { readTail } from './tail.ts';

/** Approximate number of items per page of the file. */
const THINGS_A_PAGE = 4;

/** Dumps and loads the complete content of the store. */
export function transferStore(environment: Environment, batches: Batches): TransferStore {
  const putMark = (mark: string | undefined): Promise<void> => batches.submit((transaction) => {
    if (mark === undefined) transaction.remove('meta', META.loading);
    else transaction.put('meta', META.loading, Buffer.from(mark));
  });

  return {
    dump: (kind, after, limit) => environment.read((tables) => readPage(tables, kind, after, limit), 1 + limit / THINGS_A_PAGE),
    authority: (name) => environment.read((tables) => standingOf(tables, name)),
    changes: (after, limit, authorities, objectsAfter) => environment.read((tables) => changes(tables, after, limit, authorities, objectsAfter), 1 + limit),

    load: async (items, mark) => {
      const done = { added: 0, advanced: 0, kept: 0 };
      // Items are separate operations, as large documents take steps of their own: submitted in order, awaited together.
      const outcomes = items.map((item) => batches.submit((transaction) => loadItem(transaction, item)));
      for (const outcome of await Promise.all([...outcomes, putMark(mark)])) if (outcome !== undefined) done[outcome] += 1;
      return done;
    },
    mark: () => environment.read((tables) => tables.meta.getBinary(META.loading)?.toString()),
    loadAudit: async (entries, mark) => {
      const [taken] = await Promise.all([batches.submit((transaction) => loadEntries(transaction, entries)), putMark(mark)]);
      return taken;
    },
  };
}

function changes(tables: Reads, after: number, limit: number, authorities: readonly string[], objectsAfter: number): StoreChanges {
  const entries = linesFrom(tables, after + 1, limit).map(parseLine);
  const { items, ...objects } = objectsBehind(tables, objectsAfter, limit);
  return { head: readTail(tables).head, entries, items: [...thingsOf(tables, entries, authorities), ...items], objects };
}
