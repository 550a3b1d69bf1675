import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { type Enrolled, readEnrolled } from '../agent/enrolled.ts';
import { HEADER, type Unit, type UnitKind, unitName, unitsFor } from '../agent/systemd.ts';
import { PUBLIC, writeDurably } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';
import type { Context } from './context.ts';
import { printable } from './text.ts';

export interface InstallOptions {
  readonly kind: UnitKind;
  /** Print the units instead of writing them. */
  readonly dryRun: boolean;
  /** What the units are named after: the folder or the list, as an absolute path. */
  readonly about: string;
  readonly folders: readonly string[];
  readonly metricsFile?: string | undefined;
  /** Arguments of `chancery renew`, without those that make it a daemon. */
  readonly args: readonly string[];
  /** Report on standard error, because standard output is used for something else. */
  readonly quiet?: boolean;
}

/** Where units are installed: system-wide for root, else for the user. */
function place(context: Context): { readonly folder: string; readonly user: boolean } {
  const user = process.geteuid?.() !== 0;
  const own = join(context.env['XDG_CONFIG_HOME'] || join(context.env['HOME'] || homedir(), '.config'), 'systemd', 'user');
  return { user, folder: context.env['CHANCERY_UNIT_FOLDER'] ?? (user ? own : '/etc/systemd/system') };
}

/** Writes systemd units that keep certificates renewed, and prints the commands that start them. Throws Failure. */
export function installUnits(context: Context, { kind, dryRun, about, folders, metricsFile, args, quiet = false }: InstallOptions): void {
  if (process.platform !== 'linux') throw new Failure('usage', 'there is no systemd on this system', { advice: 'have the service manager of this system start \'chancery renew --daemon\'' });
  const { folder, user } = place(context);
  const program = realpathSync(process.argv[1] ?? '');
  const name = unitName(about);
  const units = unitsFor({
    kind, user, name,
    command: [process.execPath, program, 'renew', ...args, ...(kind === 'daemon' ? ['--daemon'] : [])],
    writable: [...new Set([...folders.flatMap(writableOf), ...(metricsFile === undefined ? [] : [dirname(resolve(metricsFile))])])].sort(),
  });
  const starts = `${name}.${kind === 'daemon' ? 'service' : 'timer'}`;
  const systemctl = `systemctl ${user ? '--user ' : ''}`;
  if (dryRun) {
    context.stdout.write(units.map(({ file, text }) => `# ${join(folder, file)}\n${text}`).join('\n'));
    return;
  }
  mkdirSync(folder, { recursive: true });
  for (const { file } of units) refuseForeign(join(folder, file));
  for (const unit of units) writeUnit(folder, unit);
  const out = quiet ? context.stderr : context.stdout;
  out.write(`${units.map(({ file }) => `${printable(join(folder, file))} is written.\n`).join('')}Start it:\n  ${systemctl}daemon-reload\n  ${systemctl}enable --now ${starts}\n`);
  if (user) out.write('It runs while you are logged in; \'loginctl enable-linger\' lets it run always.\n');
  verify(context, units.map(({ file }) => join(folder, file)), user);
}

const writeUnit = (folder: string, { file, text }: Unit): void => writeDurably(join(folder, file), text, PUBLIC);

function refuseForeign(path: string): void {
  if (existsSync(path) && !readFileSync(path, 'utf8').startsWith(HEADER)) {
    throw new Failure('file', `${path} exists, and was not written by this command`, { advice: 'remove it, or look at --dry-run and write it by hand' });
  }
}

/** A folder, and those that its symbolic links point into, since a link's target is replaced in its own folder. */
function writableOf(folder: string): readonly string[] {
  const filesOf = ({ key, certificate, ca }: Enrolled): readonly string[] => [...key, ...certificate, ca].map((file) => join(folder, file));
  return [folder, ...readEnrolled(folder).flatMap(filesOf).filter((path) => existsSync(path)).map((path) => dirname(realpathSync(path)))];
}

/** Has systemd verify the units, if available. Its output is only shown, since it may be about other units. */
function verify(context: Context, paths: readonly string[], user: boolean): void {
  const { status, stderr, error } = spawnSync('systemd-analyze', ['verify', ...(user ? ['--user'] : []), ...paths], { encoding: 'utf8', timeout: 20_000 });
  if (error === undefined && status !== 0) context.stderr.write(`systemd-analyze verify says:\n${stderr.split('\n').filter((line) => line !== '').map((line) => `  ${printable(line)}\n`).join('')}`);
}
