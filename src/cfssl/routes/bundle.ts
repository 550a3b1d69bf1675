import type { FastifyRequest } from 'fastify';
import { X509Error } from '../../x509/errors.ts';
import { decodePem } from '../../x509/pem.ts';
import { bundleOf } from '../bundle.ts';
import type { CfsslContext } from '../context.ts';
import { badCall, CfsslRefusal, CODE } from '../refusal.ts';
import { membersOf, textOf } from '../sign-request.ts';

const FLAVORS = ['optimal', 'ubiquitous', 'force'];

/** `bundle`: a certificate issued here with its path to the root. There is only one path, so all flavors are the same. */
export function bundle({ authorities }: CfsslContext, request: FastifyRequest): unknown {
  const members = membersOf(request.body, 'the bundle request');
  for (const name of Object.keys(members)) if (!['certificate', 'private_key', 'flavor', 'domain', 'ip'].includes(name)) throw badCall(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  if (textOf(members, 'domain') !== undefined) throw badCall('bundles of remote hosts are not offered here; send the "certificate"');
  if (textOf(members, 'private_key') !== undefined) throw badCall('a private key does not belong here, and should be replaced; send only the "certificate"');
  const certificate = textOf(members, 'certificate');
  if (certificate === undefined) throw badCall('no valid parameter sets found');
  if (!FLAVORS.includes(textOf(members, 'flavor') ?? 'optimal')) throw badCall(`bad flavor; expected ${FLAVORS.join(', ')}`);
  return bundleOf(firstOf(certificate), authorities);
}

/** Only the first certificate matters; the rest is determined by us. */
function firstOf(text: string): Uint8Array {
  try {
    const [first] = decodePem(text, 'CERTIFICATE');
    if (first !== undefined) return first;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
  }
  throw new CfsslRefusal(CODE.certificateDecode, 'Failed to decode certificate');
}
