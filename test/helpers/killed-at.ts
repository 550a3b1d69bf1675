import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** What changes names in folders: between two of these a crash leaves another state of the files. */
const STEPS = ['renameSync', 'linkSync', 'rmSync'] as const;
/** After the crash nothing is written any more, not even by what cleans up. */
const WRITES = [...STEPS, 'mkdirSync', 'writeSync', 'chmodSync', 'unlinkSync', 'symlinkSync'] as const;

class Killed extends Error {
  override readonly name = 'Killed';
}

/**
 * Does the work as a process would that is killed right before the step of this number, 1 for the first: of all that it writes from then on
 * nothing comes about. False where the work ended before. For work that writes synchronously.
 */
export async function killedAt(step: number, work: () => Promise<unknown>): Promise<boolean> {
  const before = Object.fromEntries(WRITES.map((name) => [name, fs[name]]));
  let steps = 0;
  let killed = false;
  for (const name of WRITES) {
    const real = fs[name] as (...parameters: unknown[]) => unknown;
    const isStep = (STEPS as readonly string[]).includes(name);
    (fs as Record<string, unknown>)[name] = (...parameters: unknown[]): unknown => {
      if (isStep) steps += 1;
      killed ||= steps >= step;
      if (killed) throw new Killed();
      return real(...parameters);
    };
  }
  syncBuiltinESMExports();
  try {
    await work();
  } catch (error) {
    if (!killed) throw error;
  } finally {
    Object.assign(fs, before);
    syncBuiltinESMExports();
  }
  return killed;
}
