import type { RequestRecord } from '../issuance/request.ts';

type Tails = Pick<RequestRecord, 'csr' | 'tbs' | 'certificate'>;

export const lengthOf = (bytes: Uint8Array | undefined): number => bytes?.length ?? 0;

/** Writes what stands behind a record's header in every form of it, as it is: base64 would make it a third longer, and cost time both ways. */
export function writeTails(bytes: Buffer, from: number, { csr, tbs, certificate }: Tails): void {
  let at = from;
  for (const tail of [csr, tbs, certificate]) {
    if (tail === undefined) continue;
    bytes.set(tail, at);
    at += tail.length;
  }
}

/**
 * The same, as views of `bytes`; the certificate is all that is behind the two others.
 * @throws Error where it is cut short
 */
export function readTails(bytes: Buffer, from: number, csrLength: number, tbsLength: number): Tails {
  const csrEnd = from + csrLength;
  const tbsEnd = csrEnd + tbsLength;
  if (tbsEnd > bytes.length) throw new Error('a record that is cut short');
  return {
    ...(csrEnd === from ? {} : { csr: bytes.subarray(from, csrEnd) }),
    ...(tbsEnd === csrEnd ? {} : { tbs: bytes.subarray(csrEnd, tbsEnd) }),
    ...(bytes.length === tbsEnd ? {} : { certificate: bytes.subarray(tbsEnd) }),
  };
}
