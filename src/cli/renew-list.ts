import { readFileSync } from 'node:fs';
import { coveredBy, type Entry } from '../agent/daemon/entry.ts';
import { enroll } from '../agent/enroll.ts';
import { readEnrolled } from '../agent/enrolled.ts';
import { commandDone, commandOwed, renew } from '../agent/renew.ts';
import { runCommand } from '../agent/run-command.ts';
import type { Context } from './context.ts';
import { AlreadyTold, toFailure } from './report-failure.ts';
import { teller } from './teller.ts';
import { showTimeFrom } from './text.ts';

/** Processes each entry of a list once: enrols missing certificates and renews due ones. Continues after a failure, and throws at the end. */
export async function renewList(context: Context, entries: readonly Entry[], { execLimit, json }: { readonly execLimit: number; readonly json: boolean }): Promise<void> {
  const tell = teller(context, json);
  const surroundings = { now: context.now, onProgress: () => {} };
  const lookAt = async (entry: Entry): Promise<void> => {
    const { folder, url, profile, exec, reuseKey, enrolling } = entry;
    const covers = coveredBy(entry);
    if (enrolling !== undefined && !readEnrolled(folder).some(covers)) {
      const { tokenFile, ...options } = enrolling;
      await enroll({ ...options, token: readFileSync(tokenFile, 'utf8').trim(), profile, folder, wait: 0, force: false, reuseKey: false, commandFollows: exec !== undefined }, surroundings);
      tell('info', 'enrolled', `${folder}: enrolled`, { folder });
    }
    for (const { certificate, renewed, notAfter, due } of await renew({ folder, url, reuseKey, wait: 0, force: false, commandFollows: exec !== undefined, which: covers }, surroundings)) {
      tell('info', renewed ? 'renewed' : 'not-due', renewed ? `${certificate} is renewed; it expires ${showTimeFrom(context.now(), notAfter)}` : `${certificate} is not due; it will be ${showTimeFrom(context.now(), due)}`, { certificate, notAfter: new Date(notAfter).toISOString() });
    }
    if (exec === undefined || !commandOwed(folder, covers)) return;
    await runCommand(exec, { RENEWED_FOLDER: folder }, { quiet: json, advice: 'the next check runs it again', limit: execLimit * 1000 });
    commandDone(folder, covers);
  };
  let failed = false;
  for (const entry of entries) {
    try {
      await lookAt(entry);
    } catch (error) {
      failed = true;
      const { message, advice, code } = toFailure(error);
      tell('error', 'failed', `${entry.folder}: ${message}${advice === undefined ? '' : `; ${advice}`}`, { folder: entry.folder, code });
    }
  }
  if (failed) throw new AlreadyTold();
}
