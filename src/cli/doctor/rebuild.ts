import type { Context } from '../context.ts';
import { startProgress } from '../progress.ts';
import { writeResult } from '../result.ts';
import { type PlaceOptions, readConfig } from '../settings.ts';
import { fields } from '../text.ts';

/** `doctor --rebuild-indexes`: rebuilds the indexes used by listings and clean-up from the records themselves. */
export async function rebuildIndexes(context: Context, options: PlaceOptions & { readonly json?: boolean }): Promise<void> {
  const settings = await readConfig(context, options);
  const { rebuildIndexesOf } = await import('../../rebuild-indexes.ts');
  const progress = startProgress(context, 'rebuilding the indexes');
  const rebuilt = await rebuildIndexesOf(settings, (done, total) => progress.update('rebuilding the indexes', done, total)).finally(progress.end);
  if (rebuilt === undefined) {
    writeResult(context, options.json, { rebuilt: false }, () => 'The embedded store has no separate indexes: they are written with the records, or built at each start.\n');
    return;
  }
  writeResult(context, options.json, { rebuilt: true, ...rebuilt }, (paint) => `${paint('green', 'The indexes are rebuilt.')}\n${fields([
    ['requests', String(rebuilt.requests)], ['tokens', String(rebuilt.tokens)], ['API keys', String(rebuilt.apiKeys)], ['removed', `${rebuilt.removed} entries without a record`],
  ], paint)}`);
}
