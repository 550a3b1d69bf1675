import type { RequestRecord } from '../issuance/request.ts';

type Tails = Pick<RequestRecord, 'csr' | 'tbs' | 'certificate'>;

export const lengthOf = (bytes: Uint8Array | undefined): number => bytes?.length ?? 0;

/** Appends the binary members to a record's header, verbatim: base64 would add a third to their size, and take time both ways. */
export function writeTails(bytes: Buffer, from: number, { csr, tbs, certificate }: Tails): void {
  let at = from;
  for (const tail of [csr, tbs, certificate]) {
    if (tail === undefined) continue;
    bytes.set(tail, at);
    at += tail.length;
  }
}

/**
 * Reads them back as views of `bytes`; the certificate takes the rest after the other two.
 * @throws Error if the record is truncated
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
