import { startProgress } from '../progress.ts';
import { toFailure } from '../report-failure.ts';
import { type Check, type Finding, type Patient, skipped } from './check.ts';

export type Result = Finding & { readonly name: string };

/** Runs the checks in order. Those made impossible by an earlier failure say only that, so that each cause is reported once. */
export async function examine(patient: Patient, checks: readonly Check[]): Promise<Result[]> {
  const progress = startProgress(patient.context, 'checking');
  const results: Result[] = [];
  /** The failed or impossible checks, each with its root cause. */
  const causes = new Map<string, string>();
  try {
    for (const { name, needs = [], look } of checks) {
      progress.update(name, results.length, checks.length);
      const because = needs.map((need) => causes.get(need)).find((cause) => cause !== undefined);
      const { blind, finding } = because === undefined ? await looked(patient, look) : { blind: true, finding: skipped(because) };
      if (blind) causes.set(name, because ?? name);
      results.push({ name, ...finding });
    }
  } finally {
    progress.end();
  }
  return results;
}

/** An exception counts as a failed check that saw nothing else. */
async function looked(patient: Patient, look: Check['look']): Promise<{ readonly blind: boolean; readonly finding: Finding }> {
  try {
    return { blind: false, finding: await look(patient) };
  } catch (error) {
    const { message, advice, more } = toFailure(error);
    return { blind: true, finding: { outcome: 'fail', detail: message, ...(more.length === 0 ? {} : { faults: more }), ...(advice === undefined ? {} : { advice }) } };
  }
}
