import { type Static, Type } from 'typebox';
import { closed, Duration, Flag, optional, Secret, Texts } from './schema-parts.ts';

const PATTERNS = 'patterns such as **.example.com or 10.0.0.0/8';

/** What an admitted caller may request. */
const granted = {
  profiles: Texts('Profiles that may be requested; if there is only one, it is the default for requests that name none', { minItems: 1, examples: [['server']] }),
  names: Texts(`Names that may be requested: ${PATTERNS}`, { minItems: 1, examples: [['**.example.com']] }),
  organizations: Texts('Organizations (O) that a subject may have, verbatim; others are left out of the certificate', { default: [], examples: [['Example']] }),
  organizationalUnits: Texts('Organizational units (OU) that a subject may have, verbatim', { default: [] }),
  maxValidity: optional(Duration('Longest lifetime of a certificate. Default: the profile\'s')),
};

const KeySchema = Type.Object(
  {
    key: Secret('HMAC key, 32 to 128 hex digits, as in auth_keys in cfssl\'s own configuration'),
    previousKey: optional(Secret('The previous key, also accepted until every client has the new one')),
    ...granted,
  }, closed);

const ClientSchema = Type.Object(
  {
    profile: Type.String({ minLength: 1, description: 'Holders of client certificates of this profile, issued here and not revoked', examples: ['node'] }),
    holders: Texts(`Of those, only the ones whose certificate has such a name: ${PATTERNS}`, { default: ['*'] }),
    ...granted,
  }, closed);

const NAME = '^[a-z][a-z0-9-]{0,31}$';

/** `cfssl`: the HTTP API of CloudFlare's cfssl. */
export const CfsslSchema = Type.Object(
  {
    enabled: Flag('Whether /api/v1/cfssl/ is served: sign, authsign, info, revoke, crl, bundle', { default: false }),
    keys: Type.Unsafe<Record<string, Static<typeof KeySchema>>>(Type.Record(Type.String({ pattern: NAME }), KeySchema, {
      ...closed, description: 'Who may use authsign: holders of a key',
    })),
    clients: Type.Unsafe<Record<string, Static<typeof ClientSchema>>>(Type.Record(Type.String({ pattern: NAME }), ClientSchema, {
      ...closed, description: 'Who may use sign, in addition to operators with scope admin: holders of client certificates',
      examples: [{ nodes: { profile: 'node', holders: ['*.build.example.com'], profiles: ['server'], names: ['**.example.com'] } }],
    })),
  }, { ...closed, description: 'The cfssl API, for the cfssl command and compatible programs' });

export type CfsslConfig = Static<typeof CfsslSchema>;

/** `swarm`: an external CA for Docker swarms. */
export const SwarmSchema = Type.Object(
  {
    enabled: Flag('Whether /api/v1/cfssl/sign serves managers of Docker swarms, and /v1/swarms operators', { default: false }),
    profile: Type.String({ minLength: 1, default: 'swarm', description: 'Profile of certificates for swarm nodes; swarm is built in' }),
  }, { ...closed, description: 'External CA for Docker swarms' });

export type SwarmConfig = Static<typeof SwarmSchema>;
