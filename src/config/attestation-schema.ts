import { type Static, Type } from 'typebox';
import { RuleSchema, type WrittenRule } from './rule-schema.ts';
import { Choice, closed, Duration, File, Flag, optional, Texts } from './schema-parts.ts';

const METHODS = ['tls', 'signature'] as const;

const Rules = (what: string, example: WrittenRule) => Type.Unsafe<WrittenRule[]>({
  type: 'array', items: RuleSchema(what), examples: [[example]],
  description: 'Who may have what: the first rule whose attributes all match decides; if none matches, there is no certificate',
});
const Files = (description: string, example: string) => Texts(description, { default: [], examples: [[example]] });
const Roots = (description: string, example: string) => Texts(description, { minItems: 1, examples: [[example]] });
const Once = Flag('Whether a machine may prove itself only once; with another key, or later, an operator must release it first', { default: true });

/** `attestation`: nodes prove their identity. Each member enables one kind of proof. */
export const AttestationSchema = Type.Object(
  {
    challengeLifetime: Duration('How long a challenge is valid', '5m'),
    tokenLifetime: Duration('How long the enrolment token given for a proof is valid; a request that waits for approval longer than that cannot be followed', '1h'),
    claimLifetime: Duration('How long a machine\'s proof is remembered, if it may prove itself only once', '1y'),
    x509: optional(Type.Object(
      {
        roots: Roots('Trust anchors: certificates of other CAs, PEM', '/etc/chancery/attestation/old-ca.pem'),
        intermediates: Files('CA certificates between the roots and the nodes\' certificates, so that nodes need not send them, PEM', '/etc/chancery/attestation/old-intermediates.pem'),
        crls: Files(
          'Full CRLs, PEM or DER, reread when they change. If set, every certificate on the path needs a current CRL of its issuer', '/etc/chancery/attestation/old-ca.crl'),
        methods: Type.Unsafe<(typeof METHODS)[number][]>({
          type: 'array', minItems: 1, items: Choice(METHODS), default: METHODS,
          description: 'How possession of the key is proved: as client certificate in TLS, or by a signature over the challenge (if a proxy terminates TLS)',
        }),
        rules: Rules('Attributes (commonName, organization, organizationalUnit, dns, ip, email, uri, serial, issuer, fingerprint, anchor)', {
          when: { organization: 'Example' }, profile: 'node', names: ['{{dns}}'],
        }),
      }, { ...closed, description: 'Proof by a client certificate of another CA' })),
    aws: optional(Type.Object(
      {
        certificates: Type.Unsafe<Record<string, string>>(Type.Record(Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), Type.String({ minLength: 1, description: 'The file of a region' }), {
          ...closed, description: 'By region, the file with the certificates that AWS publishes for its identity documents, PEM; any applies to regions not named',
          examples: [{ 'eu-west-1': '/etc/chancery/attestation/aws-eu-west-1.pem' }],
        })),
        maxAge: Duration('How long after its start an instance may prove itself; 0 for no limit', '1h'),
        once: Once,
        rules: Rules('Attributes (accountId, region, availabilityZone, instanceId, instanceType, imageId, architecture, privateIp, privateDnsName)', {
          when: { accountId: '123456789012', region: 'eu-*' }, profile: 'node', names: ['{{instanceId}}.nodes.example.com'],
        }),
      }, { ...closed, description: 'Proof by the instance identity document of AWS EC2' })),
    gcp: optional(Type.Object(
      {
        audience: Type.String({ minLength: 1, maxLength: 512, description: 'Beginning of the audience of identity tokens; the challenge follows it', examples: ['https://ca.example.com'] }),
        keys: optional(File('File with Google\'s keys, a JWK set, reread when it changes. Default: they are fetched from Google', '/etc/chancery/attestation/google.jwks.json')),
        maxAge: Duration('How long after its creation a machine may prove itself; 0 for no limit', '0s'),
        once: Once,
        rules: Rules('Attributes (project, projectNumber, zone, region, instanceId, instanceName, serviceAccount)', {
          when: { project: 'my-project' }, profile: 'node', names: ['{{instanceName}}.{{zone}}.nodes.example.com'],
        }),
      }, { ...closed, description: 'Proof by the instance identity token of Google Compute Engine' })),
    azure: optional(Type.Object(
      {
        roots: Roots('Roots of the certificates with which Azure signs attested data, PEM (DigiCert Global Root G2 and others)', '/etc/chancery/attestation/azure-roots.pem'),
        intermediates: Files('CA certificates below the roots, PEM: attested data often comes without them', '/etc/chancery/attestation/azure-intermediates.pem'),
        signers: Texts('Name patterns, one of which must match a name of the signing certificate', { minItems: 1, default: ['metadata.azure.com', '*.metadata.azure.com'] }),
        once: Once,
        rules: Rules('Attributes (vmId, subscriptionId, sku, licenseType, planName, planProduct, planPublisher)', {
          when: { subscriptionId: '8d10da13-8125-4ba9-a717-bf7490507b3d' }, profile: 'node', names: ['{{vmId}}.nodes.example.com'],
        }),
      }, { ...closed, description: 'Proof by the attested data of an Azure virtual machine' })),
    ssh: optional(Type.Object(
      {
        knownHosts: File('File with host keys and host CAs, in the format of known_hosts; reread when it changes', '/etc/ssh/ssh_known_hosts'),
        rules: Rules('Attributes (hosts, keyType, fingerprint, keyId, authority)', { when: { hosts: '*.example.com' }, profile: 'server', names: ['{{hosts}}'] }),
      }, { ...closed, description: 'Proof by an SSH host key' })),
  }, { ...closed, description: 'Certificates for nodes that prove what they are (docs/attestation.md)' });

export type AttestationConfig = Static<typeof AttestationSchema>;

/** The same with all file paths absolute. Required members may be missing here; that is reported as a fault. */
export function withFiles({ x509, aws, gcp, azure, ssh, ...rest }: AttestationConfig, resolve: (path: string) => string): AttestationConfig {
  const all = (files: readonly string[] | undefined): string[] => (files ?? []).map(resolve);
  return {
    ...rest,
    ...(x509 && { x509: { ...x509, roots: all(x509.roots), intermediates: all(x509.intermediates), crls: all(x509.crls) } }),
    ...(aws && { aws: { ...aws, certificates: Object.fromEntries(Object.entries(aws.certificates).map(([region, file]) => [region, resolve(file)])) } }),
    ...(gcp && { gcp: { ...gcp, ...(gcp.keys === undefined ? {} : { keys: resolve(gcp.keys) }) } }),
    ...(azure && { azure: { ...azure, roots: all(azure.roots), intermediates: all(azure.intermediates) } }),
    ...(ssh && { ssh: { ...ssh, knownHosts: all([ssh.knownHosts].filter((file) => typeof file === 'string'))[0] ?? '' } }),
  };
}
