// Makes a checkout ready to run: packages installed, TypeScript built into build/. When nothing is to be done it
// takes a few dozen milliseconds, so that every start can call it.
//
//   node scripts/prepare.mjs [--force] [--test] [--lint]
//
// --force builds although no source changed; --test also builds the tests and their runner, --lint installs the linters.
// A step that is interrupted leaves the last good build, and is done again the next time.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const at = (/** @type {string[]} */ ...parts) => join(ROOT, ...parts);

/** What decides how sources are compiled. */
const BUILD_SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

const BUILD = at('build');
/** The digests of the sources that build/ was made of: of src/, and of test/ where that was compiled too. */
const STAMP = '.stamp';
/** Beside build/, and as deep, so that the paths in source maps still hold after the swap. */
const NEXT_BUILD = at('build-next');
const LAST_BUILD = at('build-last');
const LOCK = at('.prepare-lock');

/** A failure that is told in one line, without a stack. */
export class PrepareError extends Error {
  /** @override */
  name = 'PrepareError';
}

/** @typedef {{ force?: boolean, test?: boolean, lint?: boolean }} Wanted as the options on the command line */

/**
 * Installs and builds what is missing or out of date.
 * @param {Wanted} [wanted]
 * @throws {PrepareError} when Node is too old, or a step failed
 */
export function prepare(wanted = {}) {
  checkNode(process.versions.node);
  if (STEPS.every((step) => !step.needed(wanted))) return;
  const release = takeLock();
  try {
    // Asked again: another process may have done it while this one waited for the lock.
    for (const { needed, work } of STEPS) if (needed(wanted)) work(wanted);
  } finally {
    release();
  }
}

/** In order. @type {{ needed(wanted: Wanted): boolean, work(wanted: Wanted): void }[]} */
const STEPS = [
  { needed: () => !isInstalled(PROJECT), work: () => install(PROJECT) },
  { needed: (wanted) => wanted.force === true || !isBuilt(wanted), work: build },
  { needed: (wanted) => wanted.test === true && !isTestRunnerBuilt(), work: buildTestRunner },
  { needed: (wanted) => wanted.lint === true && !isInstalled(LINTERS), work: () => install(LINTERS) },
];

/** The range that package.json's `engines` names. */
export function checkNode(/** @type {string} */ version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (!supported) throw new PrepareError(`Node ${version} is not supported: Chancery needs 20.19, 22.12 or newer (24 is recommended)`);
}

/**
 * A folder with its own package.json. `list` is the file whose change calls for an install, `probe` a package that is
 * there after a whole install, and not where only what a production needs was installed.
 * @typedef {{ folder: string, list: string, probe: string, what: string, options: string[] }} Packages
 */

/** @type {Packages} */
const PROJECT = { folder: ROOT, list: 'package-lock.json', probe: 'typescript', what: 'packages (the first time 10 to 30 seconds)', options: [] };
/**
 * Linters come in a folder of their own: they are large, and a lock of them written on one platform lacks the others'.
 * @type {Packages}
 */
const LINTERS = { folder: at('tools'), list: 'package.json', probe: 'oxlint', what: 'the linters (once, 5 to 10 seconds)', options: ['--no-package-lock'] };

const modules = (/** @type {Packages} */ { folder }, /** @type {string[]} */ ...parts) => join(folder, 'node_modules', ...parts);
/** npm's own list of what it installed, written last. */
const installedList = (/** @type {Packages} */ packages) => modules(packages, '.package-lock.json');
/** There while npm works, so that an install that was interrupted is known as one. */
const unfinishedMark = (/** @type {Packages} */ packages) => modules(packages, '.installing');

function isInstalled(/** @type {Packages} */ packages) {
  const installed = statSync(installedList(packages), { throwIfNoEntry: false });
  return installed !== undefined && installed.mtimeMs >= statSync(join(packages.folder, packages.list)).mtimeMs
    && !existsSync(unfinishedMark(packages)) && existsSync(modules(packages, packages.probe));
}

function install(/** @type {Packages} */ packages) {
  step(`Installing ${packages.what}`, 'packages could not be installed', () => {
    // npm takes a package that was half unpacked for a whole one.
    if (existsSync(unfinishedMark(packages)) || !existsSync(installedList(packages))) rmSync(modules(packages), { recursive: true, force: true });
    mkdirSync(modules(packages), { recursive: true });
    writeFileSync(unfinishedMark(packages), '');
    const npm = process.env['npm_execpath'] ?? '';
    const args = ['install', '--prefix', packages.folder, '--no-audit', '--no-fund', '--include=dev', ...packages.options];
    return /npm-cli\.c?js$/.test(npm) ? run(process.execPath, [npm, ...args]) : run('npm', args);
  });
  // npm leaves its list as it is when it finds nothing to do.
  const now = new Date();
  utimesSync(installedList(packages), now, now);
  rmSync(unfinishedMark(packages), { force: true });
}

/** Whether build/ was made of the sources as they are; tests count only where they are wanted. */
function isBuilt(/** @type {Wanted} */ wanted) {
  const stamp = join(BUILD, STAMP);
  if (!existsSync(stamp)) return false;
  const [src, test] = readFileSync(stamp, 'utf8').split('\n');
  return src === digestOf('src') && (!wanted.test || test === digestOf('test'));
}

/** Builds beside the old build and swaps them, so that what build/ holds is always whole, and of this source only. */
function build(/** @type {Wanted} */ wanted) {
  const digests = [digestOf('src'), wanted.test ? digestOf('test') : ''];
  step('Building', 'the build failed', () => {
    rmSync(NEXT_BUILD, { recursive: true, force: true });
    const settings = at(wanted.test ? 'tsconfig.json' : 'tsconfig.build.json');
    const result = run(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', settings, '--outDir', NEXT_BUILD, '--noEmitOnError']);
    if (result.status !== 0) return result;
    writeFileSync(join(NEXT_BUILD, STAMP), digests.join('\n'));
    rmSync(LAST_BUILD, { recursive: true, force: true });
    if (existsSync(BUILD)) renameSync(BUILD, LAST_BUILD);
    renameSync(NEXT_BUILD, BUILD);
    rmSync(LAST_BUILD, { recursive: true, force: true });
    return result;
  });
}

/** SHA-256 over the names and contents of a folder's sources: file times say little after a checkout or a copy. */
function digestOf(/** @type {string} */ folder) {
  const hash = createHash('sha256');
  const add = (/** @type {string} */ path) => hash.update(`${path}\0`).update(readFileSync(at(path))).update('\0');
  const walk = (/** @type {string} */ inside) => {
    for (const entry of readdirSync(at(inside), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = `${inside}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith('.ts')) add(path);
    }
  };
  BUILD_SETTINGS.forEach(add);
  if (existsSync(at(folder))) walk(folder);
  return hash.digest('hex');
}

/** tap comes built with its TypeScript plugin, which cannot work with TypeScript 7; `.taprc` leaves it out. */
function isTestRunnerBuilt() {
  const built = at('node_modules', '@tapjs', 'test', 'test-built', 'dist', 'esm', 'index.js');
  return existsSync(built) && !readFileSync(built, 'utf8').includes('@tapjs/typescript');
}

function buildTestRunner() {
  step('Preparing the test runner (once, 5 seconds)', 'tap could not be built', () =>
    run(process.execPath, [at('node_modules', 'tap', 'dist', 'esm', 'run.mjs'), 'build']));
}

/** Longer than any install takes: an older lock was left behind, whatever now runs under its owner's number. */
const LOCK_HOLDS_MS = 10 * 60_000;

/**
 * One process at a time installs and builds. A lock whose owner is gone is taken over.
 * @returns {() => void} gives the lock back
 */
function takeLock() {
  for (let told = false; ; told = true) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return () => rmSync(LOCK, { force: true });
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    if (isLockHeld()) {
      if (!told) process.stderr.write('Waiting for another process that is preparing this checkout …\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    } else rmSync(LOCK, { force: true });
  }
}

function isLockHeld() {
  try {
    const age = Date.now() - statSync(LOCK).mtimeMs;
    const owner = Number(readFileSync(LOCK, 'utf8'));
    // An empty lock is one that its owner is about to write, unless it stays so.
    if (age > LOCK_HOLDS_MS || owner === 0) return age < 1_000;
    process.kill(owner, 0);
    return owner !== process.pid;
  } catch (error) {
    // EPERM: it lives, and is somebody else's. Otherwise the lock or its owner is gone.
    return hasCode(error, 'EPERM');
  }
}

const hasCode = (/** @type {unknown} */ error, /** @type {string} */ code) => error instanceof Error && 'code' in error && error.code === code;

const run = (/** @type {string} */ command, /** @type {string[]} */ args) =>
  spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20, shell: process.platform === 'win32' && command === 'npm' });

/** Says what is being done and how long it took, on standard error, since standard output belongs to the command. */
function step(/** @type {string} */ title, /** @type {string} */ failure, /** @type {() => import('node:child_process').SpawnSyncReturns<string>} */ work) {
  const begin = Date.now();
  process.stderr.write(`${title} … `);
  const { status, signal, error, stdout, stderr } = work();
  if (status === 0) {
    process.stderr.write(`done in ${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stderr.write(`failed\n${stdout ?? ''}${stderr ?? ''}`);
  throw new PrepareError(`${failure} (${error?.message ?? signal ?? `status ${status}`})`);
}

/** Runs `work`, and ends the process with status 1 and one line when it throws a PrepareError. */
export function orExit(/** @type {() => void} */ work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    process.stderr.write(`chancery: ${error.message}\n`);
    process.exit(1);
  }
}

const OPTIONS = ['--force', '--test', '--lint'];

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const args = process.argv.slice(2);
  orExit(() => {
    const unknown = args.find((arg) => !OPTIONS.includes(arg));
    if (unknown !== undefined) throw new PrepareError(`unknown option ${unknown}; there are ${OPTIONS.join(', ')}`);
    prepare({ force: args.includes('--force'), test: args.includes('--test'), lint: args.includes('--lint') });
  });
}
