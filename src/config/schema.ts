import { type Static, Type } from 'typebox';
import type { RawProfile } from '../policy/profile.ts';
import { MOST_SHARDS } from '../x509/crl-shard.ts';
import { AcmeSchema } from './acme-schema.ts';
import { EligibilitySchema, WebhooksSchema } from './eligibility-schema.ts';
import { CfsslSchema, SwarmSchema } from './cfssl-schema.ts';
import { AttestationSchema } from './attestation-schema.ts';
import { OidcSchema } from './oidc-schema.ts';
import { Address, Choice, closed, Count, Duration, File, Flag, formed, optional, Secret, Texts } from './schema-parts.ts';
import type { StoreLocation } from './store-address.ts';

const KEY_TYPES = ['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
const NAME_KINDS = ['dns', 'ip', 'email', 'uri', 'text'] as const;

const ProfileSchema = Type.Object(
  {
    lifetime: optional(Duration('Lifetime of a certificate if the request names none')),
    maxLifetime: optional(Duration('Longest lifetime that a request may ask for')),
    backdate: optional(Duration('How far notBefore precedes the time of issue, for clocks that are slow')),
    keyTypes: optional(Type.Array(Choice(KEY_TYPES), { minItems: 1, description: 'Keys that may be certified; RSA means 2048 to 4096 bits' })),
    extendedKeyUsage: optional(Texts('Extended key usages of the certificates: serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, OCSPSigning, or dotted OIDs')),
    subject: optional(Type.Object(
      {
        commonName: optional(Choice(['none', 'first-name', 'from-csr'], {
          description: 'The common name. none: no common name; first-name: the first of the names, which are all in the subject alternative name too; from-csr: that of the CSR, otherwise the first name',
        })),
        organization: optional(Type.String({ minLength: 1, maxLength: 64, description: 'Organization of every subject' })),
        organizationalUnit: optional(Type.String({ minLength: 1, maxLength: 64, description: 'Organizational unit of every subject' })),
      }, { ...closed, description: 'Contents of the subject' })),
    commonNameOnly: optional(Flag('Whether a certificate may have a common name that is not a host name, and no subject alternative name (people and programs)')),
    names: optional(Type.Object(
      {
        kinds: optional(Type.Array(Choice(NAME_KINDS), { minItems: 1, description: 'Kinds of names that a certificate may have; text is a common name that is not a host name' })),
        allow: optional(Texts(
          'Patterns, such as *.example.com (one label more), **.example.com (any below), 10.0.0.0/8, *@example.com, spiffe://example.com/**; every name must match one. Default: all names')),
        deny: optional(Texts('Patterns of names that are refused, even if allow matches them')),
        wildcards: optional(Flag('Whether a DNS name may be a wildcard; never one for a public suffix (*.co.uk, *.github.io)')),
        privateZones: optional(Texts('Public suffixes for and below which wildcards are allowed nevertheless, because they are yours alone')),
        most: optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Maximum number of names in a certificate' })),
      }, { ...closed, description: 'Names that a certificate may have' })),
    policies: optional(Texts('Certificate policies included in every certificate', { item: Type.String({ pattern: '^[0-2](\\.(0|[1-9][0-9]*))+$', description: 'a dotted OID' }) })),
    crlDistributionPoint: optional(Flag('Whether certificates contain the CRL address')),
    freshestCrl: optional(Flag('Whether certificates contain the address of the delta CRL too (crl.delta); the full CRL contains it anyway')),
    authorityInformationAccess: optional(Flag('Whether certificates contain the issuer address, and the OCSP address if there is one')),
    operatorsOnly: optional(Flag('Whether only operators with scope admin may use the profile; no enrolment token can be created for it')),
    approval: optional(Flag('Whether an operator must approve each request; eligibility must include approval')),
    authority: optional(Flag('Whether the certificates are CA certificates')),
    pathLength: optional(Type.Integer({ minimum: 0, maximum: 10, description: 'How many CA certificates may follow one of these' })),
    ocspNoCheck: optional(Flag('Whether certificates declare that they need no revocation check (OCSP responders)')),
    renewable: optional(Flag('Whether the holder can renew with the certificate itself')),
    issuer: optional(Type.String({ minLength: 1, description: 'Name of the authority that signs. Default: the deployment\'s issuing one' })),
  }, closed);

/**
 * The configuration as a user writes it: one YAML file, with each value also settable by environment. The static type is that of the parsed
 * values.
 */
export const ConfigSchema = Type.Object(
  {
    data: Type.String({ description: 'Folder for keys, certificates and the embedded store', default: './chancery-data', minLength: 1 }),
    runtime: optional(Type.String({
      description: 'Folder for this replica\'s own files: its https and OCSP certificates with their keys. For replicas that share a data folder, or can only read it. Default: the data folder',
      minLength: 1, examples: ['/run/chancery'],
    })),
    listen: Type.Object(
      {
        https: Address('Serves everything over TLS; port 0 picks a free one, off disables the listener', '127.0.0.1:8443'),
        http: Address('Serves CRLs, OCSP, CA certificates and health without TLS; off disables the listener', '127.0.0.1:8080'),
        metrics: Address('Serves /metrics; off disables the listener', '127.0.0.1:9464'),
      }, { ...closed, description: 'Addresses to listen on' }),
    publicUrl: Type.Object(
      {
        https: optional(formed<string>('httpsUrl', {
          description: 'Address at which others reach the https listener, used in links and printed lines. Default: its own address', examples: ['https://ca.example.com'],
        })),
        http: optional(formed<string>('httpUrl', {
          description: 'Address at which others reach the http listener, written into every certificate as address of CRL, issuer and OCSP. Default: its own address',
          examples: ['http://ca.example.com'],
        })),
      }, { ...closed, description: 'Addresses at which others reach the listeners' }),
    hostNames: optional(Texts('Names and addresses in the service\'s own https certificate. Default: localhost, 127.0.0.1, ::1, the machine\'s name and the host of publicUrl.https', {
      minItems: 1,
      item: formed<string>('hostName', { description: 'A name or address' }), examples: [['ca.example.com', 'localhost', '127.0.0.1']],
    })),
    httpsCertificate: Type.Object(
      {
        cert: optional(File('File with the chain, PEM, starting with the listener\'s own certificate', '/etc/chancery/https.pem')),
        key: optional(File('File with its key, PEM', '/etc/chancery/https.key')),
      }, { ...closed, description: 'Certificate for the https listener from files, which are reread every minute. Default: the service issues its own' }),
    store: Type.Object(
      {
        url: optional(formed<StoreLocation>('store', {
          description: 'Where requests, certificates, tokens and the audit log are kept. Default: the folder store in the data folder. embedded:<folder>; '
            + 'redis://user:password@host:port/database; redis+sentinel://host,host,host/name; redis+cluster://host,host,host; with TLS rediss://, rediss+sentinel://, rediss+cluster://',
          examples: ['rediss+sentinel://chancery@redis1.example.com,redis2.example.com,redis3.example.com/chancery'], 'x-secret': true,
        })),
        password: optional(Secret('Password of the Redis user, if the address has none')),
        prefix: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$', description: 'Prefix of all keys in Redis, in braces: letters, digits, dots, colons, dashes', default: 'chancery' }),
        tls: Type.Object(
          {
            ca: optional(File('File with the CA certificates for the Redis servers, PEM. Default: the system\'s CAs', '/etc/chancery/redis/ca.pem')),
            cert: optional(File('File with our client certificate for Redis and its chain, PEM', '/etc/chancery/redis/client.pem')),
            key: optional(File('File with its key, PEM', '/etc/chancery/redis/client.key')),
            serverName: optional(Type.String({ minLength: 1, description: 'Name in the certificates of the Redis servers. Default: each server\'s host', examples: ['redis.example.com'] })),
          }, { ...closed, description: 'TLS to Redis; files are reread at each connect' }),
        sentinel: Type.Object(
          {
            user: optional(Type.String({ minLength: 1, description: 'User for the sentinels themselves', examples: ['chancery'] })),
            password: optional(Secret('Password for the sentinels themselves')),
          }, { ...closed, description: 'Credentials for the sentinels' }),
        minReplicas: Count('How many replicas of Redis must have a write before it is acknowledged; with fewer, every call is 503', 0, { minimum: 0, maximum: 100 }),
        replicaTimeout: Duration('How long the replicas of Redis may take to receive a write', '1s'),
        timeout: Duration('How long a call to Redis may take before it is abandoned, its outcome unknown, with 503', '5s'),
        allowVolatile: Flag(
          'Whether to accept a Redis that can lose acknowledged writes: appendonly other than yes, appendfsync other than always, maxmemory-policy other than noeviction', { default: false }),
        retainEnded: Duration('How long a record is kept after its certificate expired or its request was refused; at least two CRL lifetimes', '90d'),
      }, { ...closed, description: 'The store, which keeps requests, certificates and decisions' }),
    authority: Type.Object(
      {
        passphrase: optional(Secret('Encrypts the authorities\' keys when they are created, and decrypts them. Default: keys are not encrypted')),
        verifySignatures: Flag('Whether signatures by EC and Ed25519 keys are verified before they leave the service; those by RSA keys always are', { default: false }),
        issuing: optional(Type.String({ minLength: 1, description: 'Name of the authority that signs certificates. Default: the one that init created with a key', examples: ['issuing'] })),
      }, { ...closed, description: 'The authorities and their keys' }),
    crl: Type.Object(
      {
        lifetime: Duration('Lifetime of a CRL, from thisUpdate to nextUpdate', '7d'),
        renewBefore: Duration('How long before nextUpdate the next CRL is published; less than lifetime', '5d'),
        rootLifetime: Duration('Lifetime of the root\'s CRL; it is renewed at half of that', '90d'),
        coalesce: Duration(
          'Minimum time between two CRLs of an authority: revocations in between wait for the next CRL. 0s: each revocation is on a CRL within a second, and those of one second share a CRL',
          '0s'),
        delta: Type.Object(
          {
            publish: Flag('Whether delta CRLs are published, and full CRLs contain their address', { default: false }),
            lifetime: Duration('Lifetime of a delta; it is renewed at half of that', '1d'),
            reach: Duration('How old a full CRL may be for the delta to bring it up to date', '7d'),
          }, { ...closed, description: 'Delta CRLs (RFC 5280 5.2.4), which list only what is new' }),
        shards: Count(
          'Number of parts the CRL is split into, one of which each certificate names as its CRL: a power of two, or 0 for the full CRL only. Can be changed at any time: '
            + 'older parts stay published until the last certificate that names them has expired',
          0, { minimum: 0, maximum: MOST_SHARDS }),
      }, { ...closed, description: 'Certificate revocation lists' }),
    ocsp: Type.Object(
      {
        serve: Flag('Whether OCSP is served, and certificates contain its address', { default: true }),
        lifetime: Duration('Lifetime of an answer, from thisUpdate to nextUpdate; it is renewed at half of that', '1d'),
        maxAge: Duration('How long caches may serve an answer without revalidating it; at most half of lifetime', '5m'),
        kept: Count('Number of answers that each process keeps in memory, about 2 KiB each', 20_000, { minimum: 0, maximum: 10_000_000 }),
        responderId: Choice(['key', 'name'], { description: 'How an answer identifies its signer: key, by the hash of the key; name, by the subject', default: 'key' }),
        responderLifetime: Duration('Lifetime of the certificate that signs answers; it is renewed at two thirds. At least three times ocsp.lifetime', '7d'),
      }, { ...closed, description: 'The OCSP responders of the authorities whose key is here' }),
    profiles: Type.Unsafe<Record<string, RawProfile>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), ProfileSchema, {
      ...closed,
      description: 'What certificates contain and how long they live. Values given for a built-in profile (server, acme, client, node, swarm, operator, ocsp, subordinate, service) '
        + 'replace only those values; any other name defines a new profile',
      examples: [{ server: { lifetime: '90d', names: { allow: ['**.example.com', '10.0.0.0/8'] } } }],
    })),
    defaultProfile: Type.String({ minLength: 1, default: 'server', description: 'Profile of requests that name none' }),
    eligibility: EligibilitySchema,
    webhooks: WebhooksSchema,
    keys: Type.Object(
      {
        block: Texts('SHA-256 digests of the SubjectPublicKeyInfo of blocked keys', {
          item: Type.String({ pattern: '^[0-9a-f]{64}$', description: '64 lower-case hex digits' }), default: [],
        }),
        debianBlockLists: Texts('Files of weak RSA keys, as in Debian\'s openssl-blacklist (CVE-2008-0166): 20 hex digits per line', { default: [] }),
      }, { ...closed, description: 'Keys that are never certified' }),
    limits: Type.Object(
      {
        body: Count('Maximum size of a request body, in bytes', 65_536, { minimum: 1024, maximum: 1_048_576 }),
        connections: Count('Maximum number of open connections, per listener and process', 10_240, { minimum: 1 }),
        requestTime: Duration('How long a whole request, including its body, may take to arrive', '15s'),
        wait: Duration('Longest time that a call may wait (Prefer: wait)', '60s'),
        perIdentity: Count('Calls per minute by each identity that is not an operator; 0 for no limit', 60_000, { minimum: 0 }),
        perAddress: Count('Calls per minute from each address, with any credentials; 0 for no limit', 0, { minimum: 0 }),
        eventStreams: Count('Maximum number of clients following revocations as events, per process', 2000, { minimum: 0 }),
        eventStreamsPerAddress: Count('Maximum number of such clients per address; behind a load balancer all share one address', 100, { minimum: 1 }),
        failuresPerAddress: Count('Refused credentials per minute from each address; 0 for no limit', 120, { minimum: 0 }),
      }, { ...closed, description: 'Limits on callers. Each process counts rates in its own memory' }),
    log: Type.Object(
      {
        level: Choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { description: 'Lowest level that is logged', default: 'info' }),
        requests: Flag('Whether each call is logged, with method, path, address, status and duration', { default: false }),
      }, { ...closed, description: 'The log: JSON lines on standard error' }),
    acme: AcmeSchema,
    cfssl: CfsslSchema,
    swarm: SwarmSchema,
    attestation: AttestationSchema,
    oidc: OidcSchema,
    workers: Count('Number of processes on this machine that share the listeners and the store', 1, { minimum: 1, maximum: 64 }),
  },
  { ...closed, $id: 'https://chancery.invalid/config.schema.json', title: 'Chancery configuration' },
);

export type Settings = Static<typeof ConfigSchema>;
