import { lstatSync, readFileSync, readdirSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PUBLIC } from '../../authority/durable-file.ts';
import { Failure } from '../../client/failure.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { X509Error } from '../../x509/errors.ts';
import { encodePem } from '../../x509/pem.ts';
import { replaceFiles } from '../replace-files.ts';
import { type KeptCrl, crlBlocks } from './kept-crl.ts';
import { opensslNameHash } from './name-hash.ts';

/** A CRL with the authority it belongs to. */
export interface OwnedCrl {
  readonly authority: string;
  readonly issuer: Certificate;
  readonly crl: KeptCrl;
}

/** Where CRLs are written for the programs that read them. */
export interface CrlTarget {
  /** The CRLs present, as unchecked DER; empty if there are none. */
  readonly read: () => readonly Uint8Array[];
  /** Replaces all of them; each file is complete at every moment. */
  readonly write: (crls: readonly OwnedCrl[]) => void;
  /** Repairs anything that belongs beside the files, such as links; true if something was missing. */
  readonly mend: (crls: readonly OwnedCrl[]) => boolean;
  /** A text that changes as soon as somebody else changes or removes a file. */
  readonly stamp: () => string;
  /** The file that marks the command after a change as owed. */
  readonly marker: string;
  /** The name of the target in messages. */
  readonly name: string;
}

export type CrlFormat = 'pem' | 'der';

/** A single file: PEM with one or more CRLs, or DER with one. */
export function fileTarget(path: string, format: CrlFormat): CrlTarget {
  return {
    name: path,
    marker: join(dirname(path), `.${basename(path)}.command-owed`),
    read: () => readCrls(path),
    mend: () => false,
    stamp: () => stampOf(path),
    write: (crls) => replaceFiles([{ path, content: format === 'pem' ? crls.map(({ crl }) => pemOf(crl)).join('') : firstOf(crls), mode: PUBLIC }]),
  };
}

/** More CRLs than any directory has under one name. */
const MOST_SUFFIX = 100;

/**
 * A directory as OpenSSL reads it (`-CApath`, `openssl rehash`): the PEM file `<authority>.crl.pem`, and beside it the link
 * `<hash>.r<n>`. Running `openssl rehash` on it creates the same links.
 */
export function hashDirectoryTarget(folder: string): CrlTarget {
  const file = (authority: string): string => `${authority}.crl.pem`;
  return {
    name: folder,
    marker: join(folder, '.crl-command-owed'),
    read: () => ours(folder).flatMap((path) => readCrls(path)),
    write: (crls) => replaceFiles(crls.map(({ authority, crl }) => ({ path: join(folder, file(authority)), content: pemOf(crl), mode: PUBLIC }))),
    mend: (crls) => crls.map(({ authority, issuer }) => link(folder, opensslNameHash(issuer.subjectName), file(authority))).includes(true),
    stamp: () => ours(folder).map(stampOf).join(),
  };
}

const ours = (folder: string): string[] => readdirSync(folder).filter((name) => !name.startsWith('.') && name.endsWith('.crl.pem')).sort().map((name) => join(folder, name));

/** Authorities of the same name (with an old and a new key) share a hash: their links are numbered without gaps, since OpenSSL stops at the first. */
function link(folder: string, hash: string, file: string): boolean {
  for (let suffix = 0; suffix < MOST_SUFFIX; suffix += 1) {
    const path = join(folder, `${hash}.r${suffix}`);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) {
      symlinkSync(file, path);
      return true;
    }
    if (there.isSymbolicLink() && readlinkSync(path) === file) return false;
  }
  throw new Failure('file', `${folder} has ${MOST_SUFFIX} CRLs with the hash ${hash}`, { advice: 'remove those that are no longer needed' });
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'none' : `${path} ${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

function readCrls(path: string): readonly Uint8Array[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  const bytes = readFileSync(path);
  if (bytes[0] === 0x30) return [bytes];
  try {
    return crlBlocks(bytes.toString('latin1'));
  } catch (error) {
    // Whatever it is, it will be replaced by a valid CRL.
    if (error instanceof X509Error) return [];
    throw error;
  }
}

const pemOf = (crl: KeptCrl): string => encodePem('X509 CRL', crl.der);

function firstOf([only, ...more]: readonly OwnedCrl[]): Uint8Array {
  if (only === undefined || more.length > 0) throw new Failure('usage', 'a DER file holds one CRL', { advice: 'name one --authority, or choose --format pem' });
  return only.crl.der;
}
