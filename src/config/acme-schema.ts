import { type Static, Type } from 'typebox';
import { Choice, closed, Count, Duration, Flag, formed, optional, Texts } from './schema-parts.ts';

const CHALLENGES = ['http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01', 'dns-persist-01'] as const;
const EXTERNAL_ACCOUNT = ['optional', 'required'] as const;
const PATTERNS = 'patterns such as **.example.com or 10.0.0.0/8';
const AS_FOR_ALL = 'what holds for all where absent';

/** What one authority may say otherwise. */
const AuthoritySchema = Type.Object(
  {
    enabled: optional(Flag('Whether it has ACME at all; it has where absent')),
    externalAccount: optional(Choice(EXTERNAL_ACCOUNT, { description: `Whether its accounts need an external account binding; ${AS_FOR_ALL}` })),
    profile: optional(Type.String({ minLength: 1, description: `Profile of an order that names none; ${AS_FOR_ALL}` })),
    profiles: optional(Texts(`Profiles that an order may name besides; ${AS_FOR_ALL}`)),
    allow: optional(Texts(`Names for which it issues by ACME: ${PATTERNS}; ${AS_FOR_ALL}`)),
    deny: optional(Texts(`Names for which it does not: ${PATTERNS}; ${AS_FOR_ALL}`)),
  }, closed);

/** `acme`: certificates by RFC 8555. */
export const AcmeSchema = Type.Object(
  {
    enabled: Flag('Whether /acme/{authority}/directory is served for each authority that signs certificates', { default: false }),
    profile: Type.String({ minLength: 1, default: 'acme', description: 'Profile of an order that names none; acme is built in, for servers, with wildcards' }),
    profiles: Texts('Profiles that an order may name besides', { default: [], examples: [['client']] }),
    allow: optional(Texts(`Names for which certificates are issued by ACME: ${PATTERNS}; all that the profile allows where absent`, {
      examples: [['**.example.com', '10.0.0.0/8']],
    })),
    deny: Texts(`Names for which none are, also where allow has them: ${PATTERNS}`, { default: [] }),
    externalAccount: Choice(EXTERNAL_ACCOUNT, { description: 'Whether accounts need an external account binding (chancery eab create makes keys for that)', default: 'optional' }),
    termsOfService: optional(formed<string>('httpsUrl', { description: 'Address of the terms that each account must agree to', examples: ['https://ca.example.com/terms'] })),
    website: optional(formed<string>('httpsUrl', { description: 'Address at which people read about this authority', examples: ['https://ca.example.com'] })),
    challenges: Type.Unsafe<(typeof CHALLENGES)[number][]>({
      type: 'array', minItems: 1, items: Choice(CHALLENGES), default: ['http-01', 'dns-01', 'tls-alpn-01'],
      description: 'How control of a name is shown: http-01, dns-01, tls-alpn-01, and, if wanted, the drafts dns-account-01 and dns-persist-01',
    }),
    resolver: optional(Type.String({ minLength: 1, description: 'Address of the resolver that validation asks, with its port; those of the system where absent', examples: ['127.0.0.1:53'] })),
    http01Port: Count('Port at which http-01 asks, for closed networks; RFC 8555 says 80', 80, { minimum: 1, maximum: 65_535 }),
    tlsAlpn01Port: Count('Port at which tls-alpn-01 asks; RFC 8737 says 443', 443, { minimum: 1, maximum: 65_535 }),
    permitNetworks: Texts('Networks of special purpose (private, loopback and so on) in which names may be validated; none where empty', {
      default: [], examples: [['10.0.0.0/8', 'fd00::/8']],
    }),
    caaIdentities: Texts(
      'Names that stand for this authority in CAA records. Where there is none, records forbid as they do to anybody else, and only public names are looked up', {
        default: [], examples: [['ca.example.com']],
      }),
    privateZones: Texts(`Names for which CAA is not looked at: ${PATTERNS}`, { default: [], examples: [['**.corp.example.com']] }),
    orderLifetime: Duration('How long after it was made an order can be finalized', '7d'),
    authorizationLifetime: Duration('How long control of a name, once shown, holds for further orders of the account', '30d'),
    attempts: Count('How often a challenge is looked at, with growing pauses, before it has failed', 3, { minimum: 1, maximum: 10 }),
    attemptTimeout: Duration('How long one such look may take', '10s'),
    limits: Type.Object(
      {
        accountsPerAddress: Count('New accounts an hour from one address; 0 for no limit', 100, { minimum: 0 }),
        ordersPerAccount: Count('New orders an hour of one account; 0 for no limit', 1000, { minimum: 0 }),
        ordersPerName: Count('New orders an hour for one name, of all accounts together; 0 for no limit', 60, { minimum: 0 }),
        failuresPerName: Count('Failed validations an hour of one account for one name; 0 for no limit', 30, { minimum: 0 }),
      }, { ...closed, description: 'What clients may take, counted in the store for all processes, in each hour of the clock; beyond it rateLimited, with Retry-After' }),
    refuseNonces: Count('Per cent of good nonces that are refused all the same, to test clients with', 0, { minimum: 0, maximum: 100 }),
    authorities: Type.Unsafe<Record<string, Static<typeof AuthoritySchema>>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), AuthoritySchema, {
      ...closed, description: 'What holds for one authority otherwise, by its name', examples: [{ issuing: { externalAccount: 'required' } }],
    })),
  }, { ...closed, description: 'Certificates by ACME (RFC 8555), for certbot, lego, Caddy and others' });

export type AcmeConfig = Static<typeof AcmeSchema>;
