import type { FastifyRequest } from 'fastify';
import { Refused } from '../../errors.ts';
import type { CfsslContext } from '../context.ts';
import { badCall } from '../refusal.ts';

/**
 * `crl`: the authority's full CRL, as base64 of its DER. It is the published one: cfssl signs one per call, valid for as long as `expiry` says, which is
 * accepted here but has no effect.
 */
export async function crl({ shelf, authorities, issuance }: CfsslContext, request: FastifyRequest): Promise<unknown> {
  const { label } = request.query as { readonly label?: unknown };
  const name = label === undefined || label === '' ? issuance.profiles.get(issuance.defaultProfile)?.authority.name : authorities.find((authority) => authority.name === label)?.name;
  if (name === undefined) throw badCall('bad label');
  const found = await shelf.bytes(name, 'full');
  if (found === undefined) throw new Refused('unavailable', `The CRL of authority ${name} is not published yet.`, { retryAfter: 2 });
  return found.der.toString('base64');
}
