import { join } from 'node:path';

/** Where an authority's files lie. */
export interface AuthorityFiles {
  readonly folder: string;
  readonly key: string;
  readonly certificate: string;
  /** From its issuer up, the root left out; absent where that is nobody. */
  readonly chain: string;
  /** For somebody else's CA to sign; kept after that, for renewal with the same key. Only in mode `external`. */
  readonly request: string;
  /** What another CA signed, whole, on its way into the other files: see `install.ts`. */
  readonly incoming: string;
}

export const ROOT = 'root';
export const ISSUING = 'issuing';

/** Folder of all authorities. It comes into being whole, by one rename. */
export const authoritiesFolder = (data: string): string => join(data, 'authorities');

/** Beside new authorities, until all else that belongs to a new deployment is there too: what was asked for. */
export const unfinishedFile = (data: string): string => join(authoritiesFolder(data), UNFINISHED);

export const UNFINISHED = 'init.json';

/** A copy of the root's certificate where people look for it. */
export const rootFile = (data: string): string => join(data, 'root.pem');

export const authorityFiles = (data: string, name: string): AuthorityFiles => filesIn(join(authoritiesFolder(data), name));

/** Where an authority that took another's place says so. */
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
