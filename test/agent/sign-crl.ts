import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Authority } from '../../src/authority/authority.ts';
import { authorityFiles } from '../../src/authority/layout.ts';
import { assembleCrl, encodeRevokedEntry, encodeTbsCrl } from '../../src/x509/crl.ts';
import { cRLNumber } from '../../src/x509/crl-extensions.ts';
import { authorityKeyIdentifier } from '../../src/x509/extensions.ts';

export interface CrlSample {
  readonly number: number;
  readonly serials?: readonly string[];
  readonly extensions?: readonly Uint8Array[];
  /** Seconds since the epoch. */
  readonly thisUpdate?: number;
  /** Seconds. */
  readonly life?: number;
}

/** A CRL signed with the key in the authority's file, whatever is in it: no lints, for readers to refuse. P-256. */
export function signCrl(data: string, authority: Authority, { number, serials = [], extensions = [], thisUpdate = Math.floor(Date.now() / 1000) - 10, life = 86_400 }: CrlSample): Buffer {
  const tbs = encodeTbsCrl({
    algorithm: authority.signatureAlgorithm.der, issuer: authority.certificate.subject, thisUpdate, nextUpdate: thisUpdate + life,
    entries: serials.map((serial) => encodeRevokedEntry({ serial, at: thisUpdate - 5, reason: 'superseded' })),
    extensions: [authorityKeyIdentifier(authority.subjectKeyId), cRLNumber(number), ...extensions],
  });
  const key = createPrivateKey(readFileSync(authorityFiles(data, authority.name).key));
  return Buffer.from(assembleCrl(tbs, authority.signatureAlgorithm.der, sign('sha256', tbs, key)));
}
