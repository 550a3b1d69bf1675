import { Failure } from '../../client/failure.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { type Crl, parseCrl } from '../../x509/crl.ts';
import { decodeCrlNumber, decodeIssuingDistributionPoint } from '../../x509/crl-extensions.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { X509Error } from '../../x509/errors.ts';
import { OID } from '../../x509/oids.ts';
import { decodeBase64 } from '../../x509/pem.ts';
import { verifySignature } from '../../x509/signature.ts';

/** A CRL whose issuer is known and whose signature has been verified. Times in seconds since the Unix epoch. */
export interface KeptCrl {
  readonly der: Uint8Array;
  readonly number: bigint;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly count: number;
}

/**
 * Parses a CRL and checks that it is this issuer's full CRL: name, signature and number, no delta, and no shard of another address.
 * Throws Failure `check-failed`.
 * @param from the name of the CRL in messages, and the address that a shard must name as its own
 */
export function checkCrl(bytes: Uint8Array, issuer: Certificate, from: string): KeptCrl {
  try {
    const crl = parseCrl(derOfCrl(bytes));
    if (!equalBytes(crl.issuer, issuer.subject)) throw wrong(from, 'it is from another issuer');
    verifySignature(crl, issuer.publicKey);
    return { der: crl.der, number: numberOf(crl, from), thisUpdate: crl.thisUpdate, nextUpdate: crl.nextUpdate, count: crl.summary.count };
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw wrong(from, error.detail, error);
  }
}

/** Throws Failure `check-failed` unless `next` may replace `now`: a CRL number never decreases (RFC 5280 section 5.2.3). */
export function checkFollows(now: KeptCrl | undefined, next: KeptCrl, from: string): void {
  if (now === undefined || next.number > now.number) return;
  if (next.number === now.number && equalBytes(next.der, now.der)) return;
  const words = next.number === now.number ? `another CRL with the same number ${next.number}` : `number ${next.number}, older than ${now.number}`;
  throw new Failure('check-failed', `${from} serves ${words}; the one here is kept`, {
    advice: 'an old copy of the service\'s store was restored, or someone is intercepting the connection; if it is intended, remove the file',
  });
}

/** Throws Failure `check-failed` for a CRL from the future: its readers would refuse everything. `now` in milliseconds. */
export function checkBegun(crl: KeptCrl, now: number, from: string): void {
  const ahead = crl.thisUpdate - Math.floor(now / 1000);
  if (ahead > 0) throw new Failure('check-failed', `${from} becomes valid in ${ahead} s by this machine's clock; the one here is kept`, { advice: 'synchronize both clocks with NTP' });
}

function numberOf({ extensions }: Crl, from: string): bigint {
  const value = (oid: string): Uint8Array | undefined => extensions.find((extension) => extension.oid === oid)?.value;
  const number = value(OID.cRLNumber);
  if (number === undefined) throw wrong(from, 'it has no number');
  // A delta CRL, or one shard of several, is signed just as well, and would hide what it does not list.
  if (value(OID.deltaCRLIndicator) !== undefined) throw wrong(from, 'it is a delta CRL, not a full one');
  const point = value(OID.issuingDistributionPoint);
  if (point !== undefined) {
    const { urls, onlyContainsCACerts, onlyContainsUserCerts } = decodeIssuingDistributionPoint(point);
    if (onlyContainsCACerts || onlyContainsUserCerts || !urls.includes(from)) throw wrong(from, 'it is one part of a CRL, and not the one for this address');
  }
  return decodeCrlNumber(number);
}

/** Accepts DER or PEM. A PEM CRL may be far longer than any other PEM text. Throws X509Error. */
function derOfCrl(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x30) return bytes;
  const [der] = crlBlocks(Buffer.from(bytes).toString('latin1'));
  if (der === undefined) throw new X509Error('bad-pem', 'expected DER, or PEM with the label X509 CRL');
  return der;
}

/** The DER of each CRL in a PEM text. Throws X509Error. */
export const crlBlocks = (text: string): Uint8Array[] =>
  Array.from(text.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g), ([, base64 = '']) => decodeBase64(base64.replaceAll(/\s/g, '')));

const wrong = (from: string, what: string, cause?: unknown): Failure =>
  new Failure('check-failed', `the CRL of ${from} is refused: ${what}`, { advice: 'the one here is kept', cause });
