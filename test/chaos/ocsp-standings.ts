import { mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initAuthorities } from '../../src/authority/ceremony.ts';
import { loadAuthorities } from '../../src/authority/load.ts';
import { ocspResponder } from '../../src/revocation/ocsp-responder.ts';
import type { Store } from '../../src/store/store.ts';
import { MAX_OCSP_CERTIFICATES } from '../../src/x509/ocsp-request.ts';
import { parseOcspResponse } from '../../src/x509/ocsp-response-reader.ts';
import { newSerial } from '../contracts/store/samples.ts';
import { initOptions } from '../helpers/authority.ts';
import { certId, ocspRequest } from '../helpers/ocsp.ts';
import { certificateBy, delegatedSigner } from '../helpers/ocsp-responder.ts';

/** How a serial stands: `good`, `unknown`, or `revoked` with time and reason. */
export type OcspStanding = 'good' | 'unknown' | `revoked ${number} ${string}`;

/**
 * What an OCSP responder over this store, which has seen nothing before, says of these serials of its authority `issuing`, signed and
 * read again. The records' certificates may be any octets: in their place the responder sees one that the authority could have issued.
 */
export async function ocspStandings(store: Pick<Store, 'certificates' | 'crls'>, serials: readonly string[]): Promise<Map<string, OcspStanding>> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-ocsp-'));
  try {
    const data = join(folder, 'data');
    await initAuthorities(initOptions(data));
    const { issuing } = await loadAuthorities(data);
    const signer = delegatedSigner(data, issuing);
    const { der: publicKey } = issuing.certificate.publicKey;
    const responder = ocspResponder({
      authority: issuing, authorities: [], signer: () => signer, lifetime: 3600, retainEnded: 86_400, kept: 0, clock: Date.now, answered: () => undefined, failed: (error) => { throw error; },
      sources: {
        crls: store.crls,
        certificates: {
          get: async (serial) => {
            const record = await store.certificates.get(serial);
            return record && { ...record, certificate: certificateBy(issuing, publicKey, { serial }).der };
          },
        },
      },
    });
    const standings = new Map<string, OcspStanding>();
    for (let at = 0; at < serials.length; at += MAX_OCSP_CERTIFICATES) {
      const asked = serials.slice(at, at + MAX_OCSP_CERTIFICATES);
      const { status, basic } = parseOcspResponse((await responder.answer(ocspRequest(asked.map((serial) => certId(issuing, serial))))).der);
      if (basic === undefined) throw new Error(`OCSP: ${status}`);
      for (const { certId: { serial }, certStatus } of basic.responses) {
        standings.set(serial, certStatus.status === 'revoked' ? `revoked ${certStatus.at} ${certStatus.reason}` : certStatus.status);
      }
    }
    return standings;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Rule 7, for OCSP: it says revoked of exactly the certificates that are (with the same time and reason), good of the others that were issued,
 * and unknown of any serial besides. Empty when that holds.
 * @param revoked by serial: what every other publication says
 */
export async function ocspFaults(store: Pick<Store, 'certificates' | 'crls'>, issued: readonly string[], revoked: ReadonlyMap<string, { readonly at: number; readonly reason: string }>): Promise<string[]> {
  const strangers = Array.from({ length: 20 }, () => newSerial().slice(0, -4) + randomBytes(2).toString('hex'));
  const standings = await ocspStandings(store, [...issued, ...strangers]);
  const expected = (serial: string): OcspStanding => {
    const one = revoked.get(serial);
    return strangers.includes(serial) ? 'unknown' : one === undefined ? 'good' : `revoked ${one.at} ${one.reason}`;
  };
  return [...standings].filter(([serial, said]) => said !== expected(serial)).map(([serial, said]) => `OCSP says ${said} of ${serial}; expected ${expected(serial)}`);
}
