import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository, whichever folder the tests were compiled to. */
function findRoot(): string {
  const candidates = [process.env['npm_config_local_prefix'], process.cwd()].filter((folder) => folder !== undefined);
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) candidates.push(folder);
  const root = candidates.find((folder) => existsSync(join(folder, 'src', 'config', 'schema.ts')));
  if (root === undefined) throw new Error('run the tests from the folder of the repository');
  return root;
}

const root = findRoot();

/** The absolute path of a file of the repository. */
export const repositoryFile = (path: string): string => join(root, path);
