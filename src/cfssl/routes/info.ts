import type { FastifyRequest } from 'fastify';
import type { IssuingProfile } from '../../issuance/context.ts';
import { OID } from '../../x509/oids.ts';
import { encodePem } from '../../x509/pem.ts';
import type { CfsslContext } from '../context.ts';
import { goDuration } from '../go-values.ts';
import { badCall, CfsslRefusal, CODE } from '../refusal.ts';
import { membersOf, textOf } from '../sign-request.ts';

/** cfssl's names of usages. */
const USAGES: Readonly<Record<string, string>> = {
  [OID.serverAuth]: 'server auth', [OID.clientAuth]: 'client auth', [OID.codeSigning]: 'code signing', [OID.emailProtection]: 'email protection',
  [OID.timeStamping]: 'timestamping', [OID.OCSPSigning]: 'ocsp signing',
};

/** `info`: who signs, and what a profile's certificates are for. Public, like an authority's certificate. */
export function info({ issuance, authorities }: CfsslContext, request: FastifyRequest): unknown {
  const members = membersOf(request.body, 'the info request');
  for (const name of Object.keys(members)) if (!['label', 'profile'].includes(name)) throw badCall(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  const [label, named] = [textOf(members, 'label'), textOf(members, 'profile')];
  const issuing = issuance.profiles.get(named ?? issuance.defaultProfile);
  if (issuing === undefined) throw new CfsslRefusal(CODE.unknownProfile, `Unknown policy profile ${JSON.stringify(named)}`);
  const labelled = label === undefined ? issuing.authority : authorities.find(({ name }) => name === label);
  // If both are given, the answer must be true of both.
  if (labelled === undefined || (named !== undefined && labelled !== issuing.authority)) throw badCall('bad label');
  // cfssl omits the certificate's final line feed here.
  return { certificate: encodePem('CERTIFICATE', labelled.der).trimEnd(), usages: usagesOf(issuing), expiry: goDuration(issuing.profile.lifetime) };
}

function usagesOf({ profile }: IssuingProfile): string[] {
  const key = profile.authority ? ['digital signature', 'cert sign', 'crl sign'] : profile.extendedKeyUsage.includes(OID.serverAuth) ? ['digital signature', 'key encipherment'] : ['digital signature'];
  return [...key, ...profile.extendedKeyUsage.map((oid) => USAGES[oid] ?? oid)];
}
