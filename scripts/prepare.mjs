// Makes a checkout ready to run: packages installed, TypeScript built into build/. If nothing needs to be done it takes a few
// dozen milliseconds, so that every start can call it.
//
//   node scripts/prepare.mjs [--force] [--test] [--lint]
//
// --force builds even if no source has changed; --test also builds the tests and their runner; --lint installs the linters.
// An interrupted step leaves the last good build in place, and is repeated the next time.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const at = (/** @type {string[]} */ ...parts) => join(ROOT, ...parts);

/** The files that affect how sources are compiled. */
const BUILD_SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

const BUILD = at('build');
/** Contains the digests of the sources that build/ was made from: of src/, and of test/ if that was compiled too. */
const STAMP = '.stamp';
/** Beside build/ and at the same depth, so that paths in source maps remain valid after the swap. */
const NEXT_BUILD = at('build-next');
const LAST_BUILD = at('build-last');
const LOCK = at('.prepare-lock');

/** A failure reported in one line, without a stack trace. */
export class PrepareError extends Error {
  /** @override */
  name = 'PrepareError';
}

/** @typedef {{ force?: boolean, test?: boolean, lint?: boolean }} Wanted the options of the command line */

/**
 * Installs and builds what is missing or out of date.
 * @param {Wanted} [wanted]
 * @throws {PrepareError} if Node is too old, or a step failed
 */
export function prepare(wanted = {}) {
  checkNode(process.versions.node);
  if (STEPS.every((step) => !step.needed(wanted))) return;
  const release = takeLock();
  try {
    // Checked again: another process may have done it while this one waited for the lock.
    for (const { needed, work } of STEPS) if (needed(wanted)) work(wanted);
  } finally {
    release();
  }
}

/** In the order in which they run. @type {{ needed(wanted: Wanted): boolean, work(wanted: Wanted): void }[]} */
const STEPS = [
  { needed: () => !isInstalled(PROJECT), work: () => install(PROJECT) },
  { needed: (wanted) => wanted.force === true || !isBuilt(wanted), work: build },
  { needed: (wanted) => wanted.test === true && !isTestRunnerBuilt(), work: buildTestRunner },
  { needed: (wanted) => wanted.lint === true && !isInstalled(LINTERS), work: () => install(LINTERS) },
];

/** The range given by `engines` in package.json. */
export function checkNode(/** @type {string} */ version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (!supported) throw new PrepareError(`Node ${version} is not supported: Chancery needs 20.19, 22.12 or newer (24 is recommended)`);
}

/**
 * A folder with its own package.json. A change to the file `list` requires an install; `probe` is a package that is present after a
 * complete install, but not after one of production dependencies only.
 * @typedef {{ folder: string, list: string, probe: string, what: string, options: string[] }} Packages
 */

/** @type {Packages} */
const PROJECT = { folder: ROOT, list: 'package-lock.json', probe: 'typescript', what: 'packages (the first time 10 to 30 seconds)', options: [] };
/**
 * Linters have a folder of their own: they are large, and a lock file written on one platform lacks the packages of the others.
 * @type {Packages}
 */
const LINTERS = { folder: at('tools'), list: 'package.json', probe: 'oxlint', what: 'the linters (once, 5 to 10 seconds)', options: ['--no-package-lock'] };

const modules = (/** @type {Packages} */ { folder }, /** @type {string[]} */ ...parts) => join(folder, 'node_modules', ...parts);
/** npm's own list of what it installed, which it writes last. */
const installedList = (/** @type {Packages} */ packages) => modules(packages, '.package-lock.json');
/** Exists while npm works, so that an interrupted install is recognized. */
const unfinishedMark = (/** @type {Packages} */ packages) => modules(packages, '.installing');

function isInstalled(/** @type {Packages} */ packages) {
  const installed = statSync(installedList(packages), { throwIfNoEntry: false });
  return installed !== undefined && installed.mtimeMs >= statSync(join(packages.folder, packages.list)).mtimeMs
    && !existsSync(unfinishedMark(packages)) && existsSync(modules(packages, packages.probe));
}

function install(/** @type {Packages} */ packages) {
  step(`Installing ${packages.what}`, 'packages could not be installed', () => {
    // npm takes a partly unpacked package for a complete one.
    if (existsSync(unfinishedMark(packages)) || !existsSync(installedList(packages))) rmSync(modules(packages), { recursive: true, force: true });
    mkdirSync(modules(packages), { recursive: true });
    writeFileSync(unfinishedMark(packages), '');
    const npm = process.env['npm_execpath'] ?? '';
    const args = ['install', '--prefix', packages.folder, '--no-audit', '--no-fund', '--include=dev', ...packages.options];
    return /npm-cli\.c?js$/.test(npm) ? run(process.execPath, [npm, ...args]) : run('npm', args);
  });
  // npm does not touch its list if it finds nothing to do.
  const now = new Date();
  utimesSync(installedList(packages), now, now);
  rmSync(unfinishedMark(packages), { force: true });
}

/** Whether build/ is up to date with the sources; tests count only if they are wanted. */
function isBuilt(/** @type {Wanted} */ wanted) {
  const stamp = join(BUILD, STAMP);
  if (!existsSync(stamp)) return false;
  const [src, test] = readFileSync(stamp, 'utf8').split('\n');
  return src === digestOf('src') && (!wanted.test || test === digestOf('test'));
}

/** Builds beside the old build and swaps them, so that build/ is always complete, and contains nothing of other sources. */
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

/** SHA-256 over the names and contents of a folder's sources; file times mean little after a checkout or a copy. */
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

/** tap is delivered with its TypeScript plugin, which does not work with TypeScript 7; `.taprc` disables it. */
function isTestRunnerBuilt() {
  const built = at('node_modules', '@tapjs', 'test', 'test-built', 'dist', 'esm', 'index.js');
  return existsSync(built) && !readFileSync(built, 'utf8').includes('@tapjs/typescript');
}

function buildTestRunner() {
  step('Preparing the test runner (once, 5 seconds)', 'tap could not be built', () =>
    run(process.execPath, [at('node_modules', 'tap', 'dist', 'esm', 'run.mjs'), 'build']));
}

/** Longer than any install takes: an older lock is stale, even if its pid is in use again. */
const LOCK_HOLDS_MS = 10 * 60_000;

/**
 * Serializes installing and building between processes. Takes over a lock whose owner is gone.
 * @returns {() => void} releases the lock
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
    // An empty lock is one that its owner is about to write, unless it stays empty.
    if (age > LOCK_HOLDS_MS || owner === 0) return age < 1_000;
    process.kill(owner, 0);
    return owner !== process.pid;
  } catch (error) {
    // EPERM: the process exists, and belongs to somebody else. Otherwise the lock or its owner is gone.
    return hasCode(error, 'EPERM');
  }
}

const hasCode = (/** @type {unknown} */ error, /** @type {string} */ code) => error instanceof Error && 'code' in error && error.code === code;

const run = (/** @type {string} */ command, /** @type {string[]} */ args) =>
  spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20, shell: process.platform === 'win32' && command === 'npm' });

/** Prints what is being done and how long it took on standard error, since standard output belongs to the command. */
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

/** Runs `work`; if it throws a PrepareError, prints one line and exits with status 1. */
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
