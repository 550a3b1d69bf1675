import { join } from 'node:path';

/** Paths of an authority's files. */
export interface AuthorityFiles {
  readonly folder: string;
  readonly key: string;
  readonly certificate: string;
  /** From its issuer up, without the root; the file is absent if there is no one above. */
  readonly chain: string;
  /** To be signed by an external CA, and kept for renewals with the same key. Only in `external` mode. */
  readonly request: string;
  /** A complete path from another CA while it is being installed: see `install.ts`. */
  readonly incoming: string;
}

export const ROOT = 'root';
export const ISSUING = 'issuing';

/** Folder of all authorities, created as a whole by a single rename. */
export const authoritiesFolder = (data: string): string => join(data, 'authorities');

/** The options of an `init`, kept next to new authorities until the rest of the deployment is there too. */
export const unfinishedFile = (data: string): string => join(authoritiesFolder(data), UNFINISHED);

export const UNFINISHED = 'init.json';

/** A copy of the root's certificate in a place where people look for it. */
export const rootFile = (data: string): string => join(data, 'root.pem');

export const authorityFiles = (data: string, name: string): AuthorityFiles => filesIn(join(authoritiesFolder(data), name));

/** Identifies an authority as the successor of another one. */
export const rollFile = (data: string, name: string): string => join(authoritiesFolder(data), name, ROLL);

export const ROLL = 'roll.json';

export function filesIn(folder: string): AuthorityFiles {
  return {
    folder,
    key: join(folder, 'key.pem'),
    certificate: join(folder, 'cert.pem'),
    chain: join(folder, 'chain.pem'),
    request: join(folder, 'request.csr'),
    incoming: join(folder, 'incoming.pem'),
  };
}
