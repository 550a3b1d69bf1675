import { type Static, Type } from 'typebox';
import { closed, Duration, Flag, optional, Secret, Texts } from './schema-parts.ts';

const PATTERNS = 'patterns such as **.example.com or 10.0.0.0/8';

/** What whoever was let in may ask for. */
const granted = {
  profiles: Texts('Profiles that may be asked for; with one of them, it is that of a request that names none', { minItems: 1, examples: [['server']] }),
  names: Texts(`Names that may be asked for: ${PATTERNS}`, { minItems: 1, examples: [['**.example.com']] }),
  organizations: Texts('Organizations (O) that a subject may have, as they are written; of others nothing comes into a certificate', { default: [], examples: [['Example']] }),
  organizationalUnits: Texts('Organizational units (OU) that a subject may have, as they are written', { default: [] }),
  maxValidity: optional(Duration('Longest life of a certificate; the profile\'s where absent')),
};

const KeySchema = Type.Object(
  {
    key: Secret('Key of the HMAC, 32 to 128 hex digits, as in the auth_keys of cfssl\'s own configuration'),
    previousKey: optional(Secret('The key before it, which is taken too, until every client has the new one')),
    ...granted,
  }, closed);

const ClientSchema = Type.Object(
  {
    profile: Type.String({ minLength: 1, description: 'Who: holders of client certificates of this profile, issued here and not revoked', examples: ['node'] }),
    holders: Texts(`Of those, the ones whose certificate has such a name: ${PATTERNS}`, { default: ['*'] }),
    ...granted,
  }, closed);

const NAME = '^[a-z][a-z0-9-]{0,31}$';

/** `cfssl`: the HTTP API of CloudFlare's cfssl. */
export const CfsslSchema = Type.Object(
  {
    enabled: Flag('Whether /api/v1/cfssl/ is served: sign, authsign, info, revoke, crl, bundle', { default: false }),
    keys: Type.Unsafe<Record<string, Static<typeof KeySchema>>>(Type.Record(Type.String({ pattern: NAME }), KeySchema, {
      ...closed, description: 'Who may ask by authsign: holders of a key',
    })),
    clients: Type.Unsafe<Record<string, Static<typeof ClientSchema>>>(Type.Record(Type.String({ pattern: NAME }), ClientSchema, {
      ...closed, description: 'Who may ask by sign, beside operators with scope admin: holders of client certificates',
      examples: [{ nodes: { profile: 'node', holders: ['*.build.example.com'], profiles: ['server'], names: ['**.example.com'] } }],
    })),
  }, { ...closed, description: 'The API of cfssl, for the cfssl command and programs that speak as it does' });

export type CfsslConfig = Static<typeof CfsslSchema>;

/** `swarm`: external CA of Docker swarms. */
export const SwarmSchema = Type.Object(
  {
    enabled: Flag('Whether /api/v1/cfssl/sign serves the managers of Docker swarms, and /v1/swarms operators', { default: false }),
    profile: Type.String({ minLength: 1, default: 'swarm', description: 'Profile of the certificates of a swarm\'s nodes; swarm is built in' }),
  }, { ...closed, description: 'External CA of Docker swarms' });

export type SwarmConfig = Static<typeof SwarmSchema>;
