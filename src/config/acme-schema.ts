import { type Static, Type } from 'typebox';
import { Choice, closed, Count, Duration, Flag, formed, optional, Texts } from './schema-parts.ts';

const CHALLENGES = ['http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01', 'dns-persist-01'] as const;
const EXTERNAL_ACCOUNT = ['optional', 'required'] as const;
const PATTERNS = 'patterns such as **.example.com or 10.0.0.0/8';
const AS_FOR_ALL = 'Default: as for all';

/** Settings that one authority may override. */
const AuthoritySchema = Type.Object(
  {
    enabled: optional(Flag('Whether ACME is served for it. Default: true')),
    externalAccount: optional(Choice(EXTERNAL_ACCOUNT, { description: `Whether its accounts need an external account binding. ${AS_FOR_ALL}` })),
    profile: optional(Type.String({ minLength: 1, description: `Profile of orders that name none. ${AS_FOR_ALL}` })),
    profiles: optional(Texts(`Other profiles that an order may name. ${AS_FOR_ALL}`)),
    allow: optional(Texts(`Names for which it issues by ACME: ${PATTERNS}. ${AS_FOR_ALL}`)),
    deny: optional(Texts(`Names for which it does not: ${PATTERNS}. ${AS_FOR_ALL}`)),
  }, closed);

/** `acme`: certificates through RFC 8555. */
export const AcmeSchema = Type.Object(
  {
    enabled: Flag('Whether /acme/{authority}/directory is served for each authority that signs certificates', { default: false }),
    profile: Type.String({ minLength: 1, default: 'acme', description: 'Profile of orders that name none; acme is built in, for servers, with wildcards' }),
    profiles: Texts('Other profiles that an order may name', { default: [], examples: [['client']] }),
    allow: optional(Texts(`Names for which certificates are issued by ACME: ${PATTERNS}. Default: all that the profile allows`, {
      examples: [['**.example.com', '10.0.0.0/8']],
    })),
    deny: Texts(`Names for which none are issued, even if allow matches them: ${PATTERNS}`, { default: [] }),
    externalAccount: Choice(EXTERNAL_ACCOUNT, { description: 'Whether accounts need an external account binding (chancery eab create makes keys for it)', default: 'optional' }),
    termsOfService: optional(formed<string>('httpsUrl', { description: 'Address of the terms of service that each account must agree to', examples: ['https://ca.example.com/terms'] })),
    website: optional(formed<string>('httpsUrl', { description: 'Address of a page about this authority', examples: ['https://ca.example.com'] })),
    challenges: Type.Unsafe<(typeof CHALLENGES)[number][]>({
      type: 'array', minItems: 1, items: Choice(CHALLENGES), default: ['http-01', 'dns-01', 'tls-alpn-01'],
      description: 'How control of a name is shown: http-01, dns-01, tls-alpn-01, and, optionally, the drafts dns-account-01 and dns-persist-01',
    }),
    resolver: optional(Type.String({ minLength: 1, description: 'Address and port of the DNS resolver for validation. Default: the system\'s resolvers', examples: ['127.0.0.1:53'] })),
    http01Port: Count('Port for http-01, for closed networks; RFC 8555 says 80', 80, { minimum: 1, maximum: 65_535 }),
    tlsAlpn01Port: Count('Port for tls-alpn-01; RFC 8737 says 443', 443, { minimum: 1, maximum: 65_535 }),
    permitNetworks: Texts('Special-purpose networks (private, loopback and so on) in which names may be validated; empty for none', {
      default: [], examples: [['10.0.0.0/8', 'fd00::/8']],
    }),
    caaIdentities: Texts(
      'Names that identify this authority in CAA records. If empty, CAA records forbid issuance as they do for any other authority, and only public names are checked', {
        default: [], examples: [['ca.example.com']],
      }),
    privateZones: Texts(`Names for which CAA is not checked: ${PATTERNS}`, { default: [], examples: [['**.corp.example.com']] }),
    orderLifetime: Duration('How long after its creation an order can be finalized', '7d'),
    authorizationLifetime: Duration('How long control of a name, once shown, is valid for further orders of the account', '30d'),
    attempts: Count('How many times a challenge is tried, with growing pauses, before it fails', 3, { minimum: 1, maximum: 10 }),
    attemptTimeout: Duration('How long one try may take', '10s'),
    limits: Type.Object(
      {
        accountsPerAddress: Count('New accounts per hour from one address; 0 for no limit', 100, { minimum: 0 }),
        ordersPerAccount: Count('New orders per hour by one account; 0 for no limit', 1000, { minimum: 0 }),
        ordersPerName: Count('New orders per hour for one name, by all accounts together; 0 for no limit', 60, { minimum: 0 }),
        failuresPerName: Count('Failed validations per hour by one account for one name; 0 for no limit', 30, { minimum: 0 }),
      }, { ...closed, description: 'Limits on clients, counted in the store for all processes, per clock hour; beyond them rateLimited, with Retry-After' }),
    refuseNonces: Count('Percentage of good nonces to refuse nevertheless, for testing clients', 0, { minimum: 0, maximum: 100 }),
    authorities: Type.Unsafe<Record<string, Static<typeof AuthoritySchema>>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), AuthoritySchema, {
      ...closed, description: 'Different settings for individual authorities, by name', examples: [{ issuing: { externalAccount: 'required' } }],
    })),
  }, { ...closed, description: 'Certificates by ACME (RFC 8555), for certbot, lego, Caddy and others' });

export type AcmeConfig = Static<typeof AcmeSchema>;
