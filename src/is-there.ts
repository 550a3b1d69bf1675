import { statSync } from 'node:fs';

/**
 * Whether the file or folder exists. `existsSync` says "no" also for what this user may not look at; this says so.
 * @throws the system's error (EACCES), which names the path
 */
export const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
