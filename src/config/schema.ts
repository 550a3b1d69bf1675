import { type Static, Type } from 'typebox';

/** `30d`, `12h`, `90m`, `60s`; a plain number is seconds. `load.ts` turns it into seconds. */
const Duration = (description: string, fallback: string) =>
  Type.String({ pattern: '^[0-9]+[smhdwy]?$', description, default: fallback, format: 'duration-seconds' });

const closed = { additionalProperties: false } as const;

export const KEY_TYPES = ['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;

const ProfileSchema = Type.Object(
  {
    lifetime: Type.Optional(Duration('Life of a certificate where the request names none', '30d')),
    maxLifetime: Type.Optional(Duration('Longest life that a request may ask for', '397d')),
    backdate: Type.Optional(Duration('How far notBefore lies before the time of issue', '60s')),
    keyTypes: Type.Optional(Type.Array(Type.String({ enum: [...KEY_TYPES, 'RSA'] }), { description: 'Keys that may be certified; RSA means 2048 to 4096 bits' })),
    extendedKeyUsage: Type.Optional(Type.Array(Type.String(), { description: 'serverAuth, clientAuth, codeSigning, emailProtection, OCSPSigning, or dotted OIDs' })),
    subject: Type.Optional(Type.Object(
      {
        commonName: Type.Optional(Type.String({ enum: ['none', 'first-name', 'from-csr'], description: 'none: empty subject; first-name: the first name, as every name is in the SAN; from-csr: the CSR\'s, or the first name' })),
        organization: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
        organizationalUnit: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      }, closed)),
    commonNameOnly: Type.Optional(Type.Boolean({ description: 'Whether a certificate may have a common name that is no host name, and no subject alternative name (people and programs)' })),
    names: Type.Optional(Type.Object(
      {
        kinds: Type.Optional(Type.Array(Type.String({ enum: ['dns', 'ip', 'email', 'uri', 'text'] }))),
        allow: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Patterns; every name must match one' })),
        deny: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
        wildcards: Type.Optional(Type.Boolean()),
        most: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }, closed)),
    policies: Type.Optional(Type.Array(Type.String({ pattern: '^[0-2](\\.[0-9]+)+$' }), { description: 'Certificate policy OIDs' })),
    crlDistributionPoint: Type.Optional(Type.Boolean({ description: 'Whether certificates carry the CRL address' })),
    authorityInformationAccess: Type.Optional(Type.Boolean({ description: 'Whether certificates carry the issuer address, and the OCSP address where there is one' })),
    operatorsOnly: Type.Optional(Type.Boolean({ description: 'Whether only operators with scope admin may ask for it, and no enrolment token may be made for it' })),
    approval: Type.Optional(Type.Boolean({ description: 'Whether an operator must approve each request' })),
    authority: Type.Optional(Type.Boolean({ description: 'Whether the certificates are CA certificates' })),
    pathLength: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })),
    ocspNoCheck: Type.Optional(Type.Boolean()),
    issuer: Type.Optional(Type.String({ description: 'Name of the authority that signs; the issuing one where absent' })),
    renewable: Type.Optional(Type.Boolean({ description: 'Whether the holder may renew with the certificate itself' })),
  }, closed);

const EligibilityStep = Type.Union([
  Type.String({ enum: ['key', 'names', 'profile', 'quota', 'approval'] }),
  Type.Object({ step: Type.Literal('quota'), limit: Type.Integer({ minimum: 1 }), per: Duration('The window', '1h') }, closed),
  Type.Object({ step: Type.Literal('approval'), profiles: Type.Array(Type.String()) }, closed),
]);

/** The configuration as a user writes it: one YAML file, each value also by environment. */
export const ConfigSchema = Type.Object(
  {
    data: Type.Optional(Type.String({ description: 'Folder of the keys, certificates and the embedded store', default: './chancery-data', minLength: 1 })),
    listen: Type.Optional(Type.Object(
      {
        https: Type.Optional(Type.String({ description: '`host:port`; port 0 takes a free one', default: '127.0.0.1:8443' })),
        http: Type.Optional(Type.String({ description: '`host:port`, or `off`: CRL, OCSP, CA certificates and health, without TLS', default: '127.0.0.1:8080' })),
        metrics: Type.Optional(Type.String({ description: '`host:port`, or `off`', default: '127.0.0.1:9464' })),
      }, closed)),
    publicUrl: Type.Optional(Type.Object(
      {
        https: Type.Optional(Type.String({ description: 'What goes into links and printed lines; the https listener where absent', pattern: '^https://' })),
        http: Type.Optional(Type.String({ description: 'What goes into certificates as CRL and issuer address; the http listener where absent', pattern: '^http://' })),
      }, closed)),
    hostNames: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Names and addresses of the service\'s own certificate; localhost, 127.0.0.1, ::1 and the machine\'s name where absent' })),
    store: Type.Optional(Type.Object(
      {
        url: Type.Optional(Type.String({ description: 'embedded:<folder>; `embedded:<data>/store` where absent' })),
        retainEnded: Type.Optional(Duration('How long a record stays after its certificate ended, or its request was refused; at least two CRL periods', '90d')),
      }, closed)),
    authority: Type.Optional(Type.Object(
      {
        passphrase: Type.Optional(Type.String({ minLength: 1, description: 'Decrypts the authorities\' keys', 'x-secret': true })),
        verifySignatures: Type.Optional(Type.Boolean({ description: 'Whether each signature is verified before it is used, also EC (RSA and outside keys always are)', default: false })),
        issuing: Type.Optional(Type.String({ description: 'Name of the authority that signs certificates; the one with a key that `init` made where absent' })),
      }, closed)),
    crl: Type.Optional(Type.Object(
      {
        lifetime: Type.Optional(Duration('From thisUpdate to nextUpdate', '7d')),
        renewBefore: Type.Optional(Duration('How long before nextUpdate a new one is published', '5d')),
        rootLifetime: Type.Optional(Duration('The same for the root\'s CRL', '90d')),
        coalesce: Type.Optional(Duration('At most one publication in this time', '1s')),
      }, closed)),
    profiles: Type.Optional(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), ProfileSchema, { description: 'Added to, or changing, the built-in profiles' })),
    defaultProfile: Type.Optional(Type.String({ default: 'server' })),
    eligibility: Type.Optional(Type.Array(EligibilityStep, { description: 'The steps, in order; key, names and profile must be among them' })),
    keys: Type.Optional(Type.Object(
      {
        block: Type.Optional(Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { description: 'SHA-256 of SubjectPublicKeyInfo, never to be certified' })),
      }, closed)),
    limits: Type.Optional(Type.Object(
      {
        body: Type.Optional(Type.Integer({ minimum: 1024, maximum: 1048576, default: 65536, description: 'Bytes of a request body' })),
        connections: Type.Optional(Type.Integer({ minimum: 1, default: 10240, description: 'Open connections for each listener and process' })),
        requestTime: Type.Optional(Duration('A whole request, body included, must arrive in this time', '15s')),
        wait: Type.Optional(Duration('Longest `Prefer: wait`', '60s')),
        perIdentity: Type.Optional(Type.Integer({ minimum: 0, default: 1200, description: 'Calls a minute for each identity that is no operator; 0 for no limit' })),
        perAddress: Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'Calls a minute for each address; 0 for no limit' })),
        failuresPerAddress: Type.Optional(Type.Integer({ minimum: 0, default: 120, description: 'Refused credentials a minute for each address; 0 for no limit' })),
      }, closed)),
    log: Type.Optional(Type.Object(
      {
        level: Type.Optional(Type.String({ enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], default: 'info' })),
        requests: Type.Optional(Type.Boolean({ default: false, description: 'Whether each call is logged' })),
      }, closed)),
    workers: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, default: 1, description: 'Processes that share the listeners and the store' })),
  },
  { ...closed, $id: 'https://chancery.invalid/config.schema.json', title: 'Chancery configuration' },
);

export type RawConfig = Static<typeof ConfigSchema>;
