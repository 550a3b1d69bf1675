import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Calls that change names in folders: a crash between two of them leaves the files in a different state. */
const STEPS = ['renameSync', 'linkSync', 'rmSync'] as const;
/** After the crash nothing is written any more, not even by clean-up code. */
const WRITES = [...STEPS, 'mkdirSync', 'writeSync', 'chmodSync', 'unlinkSync', 'symlinkSync'] as const;

class Killed extends Error {
  override readonly name = 'Killed';
}

/**
 * Runs the work like a process that is killed right before the step of this number, starting at 1: nothing that it would write from then on
 * takes effect. False if the work ended before that step. For work that writes synchronously.
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
