import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { orExit, prepare } from '../../scripts/prepare.mjs';

/** The folder of the compiled sources: the one given (`--build`), or `build/`, rebuilt if sources have changed. */
export function builtFolder(named) {
  if (named === undefined) orExit(() => prepare());
  const folder = resolve(named ?? fileURLToPath(new URL('../../build', import.meta.url)));
  if (!existsSync(join(folder, 'src/main.js'))) throw new Error(`${folder} holds no build: src/main.js is missing`);
  return folder;
}

/** A module of the service itself, such as `x509/csr`. */
export const importBuilt = (folder, module) => import(pathToFileURL(join(folder, 'src', `${module}.js`)).href);
