import { type Static, Type } from 'typebox';
import { ALGORITHMS, type Algorithm } from '../identity/oidc/algorithms.ts';
import { RuleSchema, type WrittenRule } from './rule-schema.ts';
import { Choice, closed, Duration, File, Flag, optional, Texts } from './schema-parts.ts';

const PRESETS = ['github-actions', 'gitlab', 'kubernetes', 'google', 'azure'] as const;
export type PresetName = (typeof PRESETS)[number];

/** GitLab signs job tokens with RS256 by default, like nearly all other issuers. */
const USUAL_ALGORITHMS: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

const IssuerSchema = Type.Object(
  {
    preset: optional(Choice(PRESETS, { description: 'The platform that issues the tokens, with its usual settings; kubernetes is for a service inside the cluster' })),
    issuer: optional(Type.String({ minLength: 1, maxLength: 1024, description: 'The issuer, exactly as in its tokens (iss). Default: the preset\'s', examples: ['https://gitlab.example.com'] })),
    tenant: optional(Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'For azure: the directory (tenant) ID, such as 11111111-2222-3333-4444-555555555555' })),
    audience: optional(Texts('Audience (aud) its tokens must have: one of these, and no other. Default: publicUrl.https', { minItems: 1, examples: [['https://ca.example.com']] })),
    jwksUri: optional(Type.String({ minLength: 1, description: 'Address of its keys, instead of the one in its discovery document' })),
    jwksFile: optional(File('File with its keys, a JWK set: nothing is fetched', '/etc/chancery/issuer.jwks.json')),
    jwks: optional(Type.String({ minLength: 1, description: 'Its keys, a JWK set as JSON in quotes: nothing is fetched' })),
    ca: optional(File('Roots for its https certificate, PEM. Default: the system\'s', '/etc/chancery/gitlab-ca.pem')),
    bearerFile: optional(File('File with a bearer token to send when fetching its keys', '/var/run/secrets/kubernetes.io/serviceaccount/token')),
    permitNetworks: optional(Texts('Special-purpose networks (private, loopback and so on) from which its keys may be fetched. Default: none', {
      examples: [['10.0.0.0/8']],
    })),
    allowHttp: Flag('Whether its keys may be fetched without TLS, open to manipulation: only for trying things out', { default: false }),
    algorithms: Type.Unsafe<Algorithm[]>({
      type: 'array', minItems: 1, items: Choice(Object.keys(ALGORITHMS) as Algorithm[]), default: USUAL_ALGORITHMS, description: 'Algorithms with which its tokens may be signed',
    }),
    clockSkew: Duration('How far its clock may differ from ours', '60s'),
    maxLifetime: Duration('Longest lifetime of a token (exp minus iat)', '1d'),
    singleUse: Flag('Whether a token with an ID (jti) yields only one certificate; sent again with the same CSR, it gets that one again', { default: true }),
    rules: Type.Unsafe<WrittenRule[]>({
      type: 'array', items: RuleSchema('Claims'), default: [],
      description: 'Who may have what: the first rule whose claims all match decides; if none matches, there is no certificate',
    }),
  }, closed);

export type WrittenIssuer = Static<typeof IssuerSchema>;

/** `oidc`: tokens of OpenID Connect issuers as credentials. */
export const OidcSchema = Type.Object(
  {
    refreshKeys: Duration('How often an issuer\'s keys are refreshed', '15m'),
    keepKeys: Duration('How long the last keys are used while new ones cannot be fetched; after that the issuer\'s tokens are refused', '6h'),
    issuers: Type.Unsafe<Record<string, WrittenIssuer>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), IssuerSchema, {
      ...closed, description: 'Trusted issuers, each under a name of your choice, which appears in requests and the audit log',
      examples: [{
        github: {
          preset: 'github-actions', audience: ['https://ca.example.com'],
          rules: [{ when: { repository_owner: 'octo-org', ref: 'refs/heads/main' }, profile: 'server', names: ['{{repository_owner}}.ci.example.com'], maxValidity: '1h' }],
        },
      }],
    })),
  }, { ...closed, description: 'Certificates for pipelines, workloads and people, by OpenID Connect tokens (docs/oidc.md)' });

export type OidcConfig = Static<typeof OidcSchema>;
