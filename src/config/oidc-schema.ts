import { type Static, Type } from 'typebox';
import { ALGORITHMS, type Algorithm } from '../identity/oidc/algorithms.ts';
import { RuleSchema, type WrittenRule } from './rule-schema.ts';
import { Choice, closed, Duration, File, Flag, optional, Texts } from './schema-parts.ts';

const PRESETS = ['github-actions', 'gitlab', 'kubernetes', 'google', 'azure'] as const;
export type PresetName = (typeof PRESETS)[number];

/** What GitLab gives a job by default is signed RS256; so is nearly all else. */
const USUAL_ALGORITHMS: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

const IssuerSchema = Type.Object(
  {
    preset: optional(Choice(PRESETS, { description: 'Whose tokens these are, with what is usual for them; kubernetes is for a service within the cluster' })),
    issuer: optional(Type.String({ minLength: 1, maxLength: 1024, description: 'The issuer exactly as in its tokens (iss); the preset\'s where absent', examples: ['https://gitlab.example.com'] })),
    tenant: optional(Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'Of azure: the directory\'s number, as 11111111-2222-3333-4444-555555555555' })),
    audience: optional(Texts('For whom its tokens must be (aud): for one of these, and nobody else; publicUrl.https where absent', { minItems: 1, examples: [['https://ca.example.com']] })),
    jwksUri: optional(Type.String({ minLength: 1, description: 'Where its keys are, in place of what its discovery document says' })),
    jwksFile: optional(File('File with its keys, a JWK set: nothing is fetched', '/etc/chancery/issuer.jwks.json')),
    jwks: optional(Type.String({ minLength: 1, description: 'Its keys, a JWK set as JSON in quotes: nothing is fetched' })),
    ca: optional(File('Roots of its https certificate, PEM; those of the system where absent', '/etc/chancery/gitlab-ca.pem')),
    bearerFile: optional(File('File with a token that is shown when its keys are fetched', '/var/run/secrets/kubernetes.io/serviceaccount/token')),
    permitNetworks: optional(Texts('Networks of special purpose (private, loopback and so on) in which its keys may be fetched; none where absent', {
      examples: [['10.0.0.0/8']],
    })),
    allowHttp: Flag('Whether its keys may be fetched without TLS, by anybody on the way: to try things out', { default: false }),
    algorithms: Type.Unsafe<Algorithm[]>({
      type: 'array', minItems: 1, items: Choice(Object.keys(ALGORITHMS) as Algorithm[]), default: USUAL_ALGORITHMS, description: 'Algorithms by which its tokens may be signed',
    }),
    clockSkew: Duration('How far its clock may be off from ours', '60s'),
    maxLifetime: Duration('Longest life of a token (exp less iat)', '1d'),
    singleUse: Flag('Whether a token that has a number (jti) is good for one certificate alone; sent again with the same CSR it finds that', { default: true }),
    rules: Type.Unsafe<WrittenRule[]>({
      type: 'array', items: RuleSchema('Claims'), default: [],
      description: 'Who may have what: the first rule whose claims all match decides; without one there is no certificate',
    }),
  }, closed);

export type WrittenIssuer = Static<typeof IssuerSchema>;

/** `oidc`: tokens of OpenID Connect issuers as credentials. */
export const OidcSchema = Type.Object(
  {
    refreshKeys: Duration('How often the keys of an issuer are fetched again', '15m'),
    keepKeys: Duration('How long the last keys are used while they cannot be fetched; after that its tokens are refused', '6h'),
    issuers: Type.Unsafe<Record<string, WrittenIssuer>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), IssuerSchema, {
      ...closed, description: 'Whose tokens are believed, by a name of your choice, which requests and the audit log carry',
      examples: [{
        github: {
          preset: 'github-actions', audience: ['https://ca.example.com'],
          rules: [{ when: { repository_owner: 'octo-org', ref: 'refs/heads/main' }, profile: 'server', names: ['{{repository_owner}}.ci.example.com'], maxValidity: '1h' }],
        },
      }],
    })),
  }, { ...closed, description: 'Certificates for pipelines, workloads and people, by tokens of OpenID Connect issuers (docs/oidc.md)' });

export type OidcConfig = Static<typeof OidcSchema>;
