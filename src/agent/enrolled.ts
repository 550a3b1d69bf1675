import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PUBLIC } from '../authority/durable-file.ts';
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../authority/keys/generate.ts';
import { Failure } from '../client/failure.ts';
import { replaceFiles } from './replace-files.ts';

/** What `enroll` did, for `renew` to repeat. Contains no secrets. Files are names within the folder. */
export interface Enrolled {
  readonly url: string;
  readonly profile: string;
  readonly names: readonly string[];
  readonly keyType: KeyAlgorithm;
  /** The requested lifetime, such as `30d`; the profile's if absent. */
  readonly validity?: string;
  readonly key: readonly string[];
  readonly certificate: readonly string[];
  readonly ca: string;
  /** True once it has been renewed. Many of those that never were will have been enrolled at the same time. */
  readonly renewed?: boolean;
  /** True while the command that follows a renewal has not succeeded yet. */
  readonly commandDue?: boolean;
}

interface StateFile {
  readonly version: 1;
  readonly certificates: readonly Enrolled[];
}

const NAME = 'chancery.json';
const MOST = 1024 * 1024;

/** What was enrolled into the folder; empty if nothing was. Throws Failure `file`. */
export function readEnrolled(folder: string): readonly Enrolled[] {
  const path = join(folder, NAME);
  if (!existsSync(path)) return [];
  const state = parse(path);
  const good = state?.version === 1 && Array.isArray(state.certificates) && state.certificates.every(isEnrolled);
  if (!good) throw new Failure('file', `${path} is not what 'chancery enroll' wrote`, { advice: 'repair it, or enroll again with --force' });
  return state.certificates;
}

/** Records enrolments beside the others of the folder, replacing those that share a file with them: all at once, so that a crash omits none. */
export function writeEnrolled(folder: string, enrolled: readonly Enrolled[]): void {
  if (enrolled.length === 0) return;
  const others = readEnrolled(folder).filter(({ certificate }) => !certificate.some((file) => enrolled.some((one) => one.certificate.includes(file))));
  const state: StateFile = { version: 1, certificates: [...others, ...enrolled] };
  replaceFiles([{ path: join(folder, NAME), content: `${JSON.stringify(state, undefined, 2)}\n`, mode: PUBLIC }]);
}

function parse(path: string): StateFile | undefined {
  const text = readFileSync(path, 'utf8');
  if (text.length > MOST) return undefined;
  try {
    return JSON.parse(text) as StateFile;
  } catch {
    return undefined;
  }
}

function isEnrolled(value: unknown): value is Enrolled {
  const { url, profile, names, keyType, key, certificate, ca } = (value ?? {}) as Record<string, unknown>;
  return typeof url === 'string' && typeof profile === 'string' && isTexts(names) && isFiles(key) && isFiles(certificate) && isFiles([ca])
    && (KEY_ALGORITHMS as readonly unknown[]).includes(keyType);
}

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((each) => typeof each === 'string');
// A name that leads out of the folder could make a renewal overwrite any file.
const isFiles = (value: unknown): boolean => isTexts(value) && value.length > 0 && value.every((name) => name !== '' && basename(name) === name && !name.startsWith('.'));
