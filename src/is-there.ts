import { statSync } from 'node:fs';

/**
 * Whether the file or folder exists. Unlike `existsSync`, which also returns false if permissions are missing, this then throws.
 * @throws the system's error (EACCES), which names the path
 */
export const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
