import { execFile, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { promisify } from 'node:util';

/** Why tests of the real command are left out, where they are. */
export const noCfssl: string | false = process.env['CI'] !== undefined || spawnSync('cfssl', ['version']).error === undefined ? false : 'no cfssl: apt-get install golang-cfssl';

const run = promisify(execFile);

/** Runs cfssl; what it printed, and its log where it failed. */
export async function cfssl(...args: readonly string[]): Promise<{ readonly ok: boolean; readonly json: any; readonly log: string }> {
  try {
    const { stdout, stderr } = await run('cfssl', [...args], { timeout: 20_000 });
    return { ok: true, json: JSON.parse(stdout), log: stderr };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { ok: false, json: undefined, log: `${stdout}${stderr}` };
  }
}

/** The body of `authsign`, as cfssl's standard provider makes it. */
export function authenticated(key: string, request: object | string): { readonly token: string; readonly request: string } {
  const bytes = Buffer.from(typeof request === 'string' ? request : JSON.stringify(request));
  return { token: createHmac('sha256', Buffer.from(key, 'hex')).update(bytes).digest('base64'), request: bytes.toString('base64') };
}

export const API = '/api/v1/cfssl';
