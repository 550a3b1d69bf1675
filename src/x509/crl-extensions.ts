import * as tags from './der/tags.ts';
import { contextPrimitive, element, enumerated, ia5Bytes, integer, sequence } from './der/writer.ts';
import { encodeGeneralizedTime } from './der/time.ts';
import { X509Error } from './errors.ts';
import { decodeValue, encodeExtension, readDefaultFalse } from './extension.ts';
import { fullName, readFullName } from './extensions.ts';
import { OID } from './oids.ts';
import { REASON_BY_CODE, REVOCATION_REASONS, type RevocationReason } from './revocation-reason.ts';

const extension = (type: string, critical: boolean, value: Uint8Array): Uint8Array => encodeExtension({ oid: type, critical, value });

/** RFC 5280 5.2.3. */
export const cRLNumber = (number: number | bigint): Uint8Array => extension(OID.cRLNumber, false, integer(number));

/** RFC 5280 5.2.4: the CRL number of the base. Critical. */
export const deltaCRLIndicator = (base: number | bigint): Uint8Array => extension(OID.deltaCRLIndicator, true, integer(base));

/** Decodes a CRL number, or a delta's base number; at most 20 octets (RFC 5280 5.2.3). */
export function decodeCrlNumber(value: Uint8Array): bigint {
  return decodeValue(value, 'cRLNumber', (reader) => {
    const number = reader.unsignedInteger('cRLNumber');
    if (number.length > 20) reader.fail('bad-extension', 'cRLNumber has more than 20 octets');
    return BigInt(`0x${Buffer.from(number).toString('hex')}`);
  });
}

/** RFC 5280 5.2.6: where to find the delta CRL. */
export const freshestCRL = (urls: readonly string[]): Uint8Array => extension(OID.freshestCRL, false, sequence(sequence(fullName(urls))));

export interface IssuingDistributionPoint {
  readonly urls: readonly string[];
  readonly onlyContainsUserCerts: boolean;
  readonly onlyContainsCACerts: boolean;
}

const TRUE = Uint8Array.of(0xff);

/** RFC 5280 5.2.5: the location and scope of this CRL. Critical, never empty. */
export function issuingDistributionPoint({ urls = [], onlyContainsUserCerts = false, onlyContainsCACerts = false }: Partial<IssuingDistributionPoint>): Uint8Array {
  const parts = [
    ...(urls.length === 0 ? [] : [fullName(urls)]),
    ...(onlyContainsUserCerts ? [contextPrimitive(1, TRUE)] : []),
    ...(onlyContainsCACerts ? [contextPrimitive(2, TRUE)] : []),
  ];
  if (parts.length === 0 || (onlyContainsUserCerts && onlyContainsCACerts)) {
    throw new X509Error('bad-extension', 'issuingDistributionPoint must say something, and not both user and CA certificates (RFC 5280 5.2.5)');
  }
  return extension(OID.issuingDistributionPoint, true, sequence(...parts));
}

/** Decodes the extension, refusing scopes that Chancery does not publish: reasons, indirect CRLs, attribute certificates. */
export function decodeIssuingDistributionPoint(value: Uint8Array): IssuingDistributionPoint {
  return decodeValue(value, 'issuingDistributionPoint', (reader) => {
    const fields = reader.sequence('issuingDistributionPoint');
    const urls = fields.is(tags.contextConstructedTag(0)) ? readFullName(fields) : [];
    const onlyContainsUserCerts = readDefaultFalse(fields, 'onlyContainsUserCerts', tags.contextTag(1));
    const onlyContainsCACerts = readDefaultFalse(fields, 'onlyContainsCACerts', tags.contextTag(2));
    fields.finish('issuingDistributionPoint');
    return { urls, onlyContainsUserCerts, onlyContainsCACerts };
  });
}

/** RFC 5280 5.3.1, a CRL entry extension. `unspecified` must be expressed by omitting the extension. */
export const reasonCode = (reason: Exclude<RevocationReason, 'unspecified'>): Uint8Array => extension(OID.reasonCode, false, enumerated(REVOCATION_REASONS[reason]));

export function decodeReasonCode(value: Uint8Array): RevocationReason {
  return decodeValue(value, 'reasonCode', (reader) => {
    const code = reader.smallInteger('reasonCode', tags.ENUMERATED);
    return REASON_BY_CODE.get(code) ?? reader.fail('bad-extension', `reasonCode is ${code}, which RFC 5280 5.3.1 does not have`);
  });
}

/** RFC 5280 5.3.2, a CRL entry extension, in seconds since the Unix epoch: always a GeneralizedTime. */
export const invalidityDate = (seconds: number): Uint8Array =>
  extension(OID.invalidityDate, false, element(tags.GENERALIZED_TIME, ia5Bytes(encodeGeneralizedTime(seconds))));
