import type { FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';
import { revoke as revokeCertificate } from '../../revocation/revoke.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../x509/revocation-reason.ts';
import type { CfsslContext } from '../context.ts';
import { badCall, CfsslRefusal, CODE } from '../refusal.ts';
import { membersOf, textOf } from '../sign-request.ts';

/** In the forms that cfssl accepts: by name in any case, or by number. */
const REASONS: ReadonlyMap<string, RevocationReason> = new Map((Object.entries(REVOCATION_REASONS) as [RevocationReason, number][])
  .filter(([reason]) => reason !== 'removeFromCRL' && reason !== 'aACompromise')
  .flatMap(([reason, code]) => [[reason.toLowerCase(), reason], [String(code), reason]]));

/** `revoke`: by an operator with scope revoke, or by the holder; in cfssl, by anyone who can reach the port. */
export async function revoke({ authentication, revocation, certificates, authorities }: CfsslContext, request: FastifyRequest): Promise<unknown> {
  const members = membersOf(request.body, 'the revocation request');
  for (const name of Object.keys(members)) if (!['serial', 'authority_key_id', 'reason'].includes(name)) throw badCall(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  const [number, keyId] = [textOf(members, 'serial'), textOf(members, 'authority_key_id')];
  if (number === undefined) throw badCall('serial number is required but not provided');
  if (keyId === undefined) throw badCall('authority key id is required but not provided');
  const reason = REASONS.get((textOf(members, 'reason') ?? '0').toLowerCase());
  if (reason === undefined) throw badCall('Invalid reason code');
  const serial = serialOf(number);
  const identity = await authentication.identify(request);
  const record = serial === undefined ? undefined : await certificates.get(serial);
  const issuer = authorities.find(({ subjectKeyId }) => Buffer.from(subjectKeyId).toString('hex') === keyId.replaceAll(':', '').toLowerCase());
  if (record === undefined || issuer?.name !== record.authority) {
    throw new CfsslRefusal(CODE.storeNotFound, 'no certificate with this serial number and authority key id was issued here', { status: 404 });
  }
  try {
    await revokeCertificate(revocation, { identity, serial: record.id, reason });
  } catch (error) {
    // In cfssl a second revocation succeeds without effect, which is what a client that repeats its call wants.
    if (!(error instanceof Refused && error.code === 'already-revoked' && record.revocation?.reason === reason)) throw error;
  }
  return {};
}

/** Lower-case hex, whole octets, of a decimal serial number; undefined if none of ours can have that form. */
function serialOf(text: string): string | undefined {
  if (!/^\d{1,49}$/.test(text)) throw badCall('"serial" is not a decimal number');
  const hex = BigInt(text).toString(16);
  return hex.length > 40 ? undefined : hex.padStart(hex.length + (hex.length % 2), '0');
}
