import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { join } from 'node:path';
import { type KeptCrl, checkCrl } from '../../agent/crl/kept-crl.ts';
import type { CrlSource } from '../../agent/crl/source.ts';
import type { CrlTarget, OwnedCrl } from '../../agent/crl/targets.ts';
import { SECRET, makeFolder, writeDurably } from '../../authority/durable-file.ts';
import { Failure } from '../../client/failure.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { X509Error } from '../../x509/errors.ts';

/** What is kept for a start without the service: the authorities, and the last valid CRL of each. */
export interface StateFolder {
  /** The authorities known last. The agent is used for those with an https address. Throws Failure `file`. */
  readonly sources: (agent: Agent) => readonly CrlSource[];
  readonly keepSources: (sources: readonly CrlSource[]) => void;
  /** The kept CRL of an authority, its signature verified again; undefined if there is no valid one. */
  readonly crlOf: (source: CrlSource) => KeptCrl | undefined;
  /** Where new CRLs are written. `learned` is called with each before it is written. */
  readonly target: (learned: (crl: OwnedCrl) => void, known: readonly OwnedCrl[]) => CrlTarget;
}

interface Authorities {
  readonly version: 1;
  readonly authorities: readonly { readonly authority: string; readonly address: string; readonly issuer: string }[];
}

const AUTHORITIES = 'authorities.json';

export function stateFolder(folder: string): StateFolder {
  makeFolder(folder);
  const list = join(folder, AUTHORITIES);
  // Names come from outside; a digest cannot escape the folder.
  const fileOf = (issuer: Uint8Array): string => join(folder, `${createHash('sha256').update(issuer).digest('hex').slice(0, 32)}.crl`);
  const read = (issuer: Uint8Array): Uint8Array | undefined => (existsSync(fileOf(issuer)) ? readFileSync(fileOf(issuer)) : undefined);
  let issuers: readonly Uint8Array[] = [];

  return {
    sources: (agent) => {
      if (!existsSync(list)) return [];
      const found = parse(list).map(({ authority, address, issuer }): CrlSource => ({
        authority, address: new URL(address), issuer: parseCertificate(Buffer.from(issuer, 'base64')), ...(address.startsWith('https:') ? { agent } : {}),
      }));
      issuers = found.map(({ issuer }) => issuer.der);
      return found;
    },
    keepSources: (sources) => {
      issuers = sources.map(({ issuer }) => issuer.der);
      const content: Authorities = {
        version: 1, authorities: sources.map(({ authority, address, issuer }) => ({ authority, address: address.href, issuer: Buffer.from(issuer.der).toString('base64') })),
      };
      const text = `${JSON.stringify(content, undefined, 2)}\n`;
      if (!existsSync(list) || readFileSync(list, 'utf8') !== text) writeDurably(list, text, SECRET);
    },
    crlOf: (source) => {
      const der = read(source.issuer.der);
      if (der === undefined) return undefined;
      try {
        return checkCrl(der, source.issuer, source.address.href);
      } catch (error) {
        // A damaged file is replaced by the next CRL.
        if (error instanceof Failure) return undefined;
        throw error;
      }
    },
    target: (learned, known) => {
      const written = new Map(known.map(({ issuer, crl }) => [fileOf(issuer.der), crl.number]));
      return {
        name: folder,
        marker: join(folder, '.command-owed'),
        read: () => issuers.flatMap((issuer) => read(issuer) ?? []),
        // There is no other writer.
        stamp: () => '',
        mend: () => false,
        write: (crls) => {
          const fresh = crls.filter(({ issuer, crl }) => written.get(fileOf(issuer.der)) !== crl.number);
          // Their content takes effect even if the disk is full.
          for (const owned of fresh) learned(owned);
          for (const { issuer, crl } of fresh) {
            writeDurably(fileOf(issuer.der), crl.der, SECRET);
            written.set(fileOf(issuer.der), crl.number);
          }
        },
      };
    },
  };
}

function parse(path: string): Authorities['authorities'] {
  try {
    const { version, authorities } = JSON.parse(readFileSync(path, 'utf8')) as Authorities;
    for (const { authority, address, issuer } of authorities) {
      if (version !== 1 || typeof authority !== 'string' || !URL.canParse(address)) throw new SyntaxError(path);
      parseCertificate(Buffer.from(issuer, 'base64'));
    }
    return authorities;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError) && !(error instanceof X509Error)) throw error;
    throw new Failure('file', `${path} is damaged`, { cause: error });
  }
}
