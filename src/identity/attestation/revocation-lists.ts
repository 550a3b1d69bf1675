import { called } from '../../authority/trust-path.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { type Crl, parseCrl, revokedEntries } from '../../x509/crl.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { X509Error } from '../../x509/errors.ts';
import { OID } from '../../x509/oids.ts';
import { decodeBase64 } from '../../x509/pem.ts';
import { isSignedBy } from '../../x509/signature.ts';
import { keptFile } from './kept-file.ts';
import { PathError } from './path-error.ts';

/** Full CRLs of external CAs, from files kept up to date by someone else. */
export interface RevocationLists {
  /**
   * Checks a path, leaf first: each certificate but the last must be unrevoked according to a CRL of the next that is current (seconds).
   * @throws PathError, Refused `unavailable`
   */
  readonly check: (path: readonly Certificate[], now: number) => void;
}

interface ReadList {
  readonly crl: Crl;
  readonly serials: ReadonlySet<string>;
}

const BLOCK = /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g;

/** Reads the files, PEM or DER, now and whenever they change. @throws Error if one is not a CRL now */
export function revocationLists(files: readonly string[]): RevocationLists {
  const kept = files.map((file) => keptFile(file, readLists));
  return {
    check: (path, now) => {
      const lists = kept.flatMap((look) => look());
      for (const [index, issuer] of path.slice(1).entries()) checkOne(path[index] as Certificate, issuer, lists, now);
    },
  };
}

/** @throws X509Error */
function readLists(bytes: Buffer): readonly ReadList[] {
  const blocks = bytes[0] === 0x30 ? [bytes] : Array.from(bytes.toString('latin1').matchAll(BLOCK), ([, base64 = '']) => decodeBase64(base64.replaceAll(/\s/g, '')));
  if (blocks.length === 0) throw new X509Error('bad-pem', 'expected DER, or PEM with the label X509 CRL');
  return blocks.map((der) => {
    const crl = parseCrl(der);
    // The absence of a certificate from a delta or partial CRL proves nothing; nor does it in a list with an unknown critical extension.
    if (crl.extensions.some(({ critical, oid }) => critical || oid === OID.issuingDistributionPoint)) throw new X509Error('bad-extension', 'it is a delta or a part, not a full CRL');
    return { crl, serials: new Set(Array.from(revokedEntries(crl), ({ serial }) => serial)) };
  });
}

function checkOne(certificate: Certificate, issuer: Certificate, lists: readonly ReadList[], now: number): void {
  const standing = lists.filter(({ crl }) => equalBytes(crl.issuer, issuer.subject) && crl.thisUpdate <= now && now <= crl.nextUpdate && isSignedBy(crl, issuer.publicKey));
  if (standing.length === 0) throw new PathError(`there is no current CRL of ${called(issuer)}, so ${called(certificate)} is not trusted`);
  if (standing.some(({ serials }) => serials.has(certificate.serial))) throw new PathError(`${called(certificate)} is revoked`);
}
