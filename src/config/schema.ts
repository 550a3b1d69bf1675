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
    lifetime: optional(Duration('Life of a certificate where the request names none')),
    maxLifetime: optional(Duration('Longest life that a request may ask for')),
    backdate: optional(Duration('How far notBefore lies before the time of issue, for clocks that are behind')),
    keyTypes: optional(Type.Array(Choice(KEY_TYPES), { minItems: 1, description: 'Keys that may be certified; RSA means 2048 to 4096 bits' })),
    extendedKeyUsage: optional(Texts('What the certificates are for: serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, OCSPSigning, or dotted OIDs')),
    subject: optional(Type.Object(
      {
        commonName: optional(Choice(['none', 'first-name', 'from-csr'], {
          description: 'The common name. none: there is none; first-name: the first of the names, which are all in the subject alternative name too; from-csr: that of the CSR, or else the first name',
        })),
        organization: optional(Type.String({ minLength: 1, maxLength: 64, description: 'Organization of every subject' })),
        organizationalUnit: optional(Type.String({ minLength: 1, maxLength: 64, description: 'Organizational unit of every subject' })),
      }, { ...closed, description: 'What subjects say' })),
    commonNameOnly: optional(Flag('Whether a certificate may have a common name that is no host name, and no subject alternative name (people and programs)')),
    names: optional(Type.Object(
      {
        kinds: optional(Type.Array(Choice(NAME_KINDS), { minItems: 1, description: 'Kinds of names that a certificate may have; text is a common name that is no host name' })),
        allow: optional(Texts(
          'Patterns, such as *.example.com (one label more), **.example.com (any below), 10.0.0.0/8, *@example.com, spiffe://example.com/**; every name must match one. All names where absent')),
        deny: optional(Texts('Patterns of names that are refused, also where allow has them')),
        wildcards: optional(Flag('Whether a DNS name may be a wildcard; never one for a public suffix (*.co.uk, *.github.io)')),
        privateZones: optional(Texts('Domains for which, and below which, a wildcard is allowed although they are public suffixes: they are yours alone')),
        most: optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Names in one certificate at most' })),
      }, { ...closed, description: 'Names that a certificate may have' })),
    policies: optional(Texts('Certificate policies that every certificate names', { item: Type.String({ pattern: '^[0-2](\\.(0|[1-9][0-9]*))+$', description: 'a dotted OID' }) })),
    crlDistributionPoint: optional(Flag('Whether certificates carry the CRL address')),
    freshestCrl: optional(Flag('Whether certificates carry the address of the delta CRL too (crl.delta); the full CRL says it anyway')),
    authorityInformationAccess: optional(Flag('Whether certificates carry the issuer address, and the OCSP address where there is one')),
    operatorsOnly: optional(Flag('Whether only operators with scope admin may ask for it, and no enrolment token may be made for it')),
    approval: optional(Flag('Whether an operator must approve each request; eligibility must have approval for that')),
    authority: optional(Flag('Whether the certificates are CA certificates')),
    pathLength: optional(Type.Integer({ minimum: 0, maximum: 10, description: 'How many CA certificates may follow one of these' })),
    ocspNoCheck: optional(Flag('Whether certificates say that they need no revocation check (OCSP responders)')),
    renewable: optional(Flag('Whether the holder may renew with the certificate itself')),
    issuer: optional(Type.String({ minLength: 1, description: 'Name of the authority that signs; the deployment\'s issuing one where absent' })),
  }, closed);

/** The configuration as a user writes it: one YAML file, each value also by environment. The static type is that of the values once read. */
export const ConfigSchema = Type.Object(
  {
    data: Type.String({ description: 'Folder of the keys, certificates and the embedded store', default: './chancery-data', minLength: 1 }),
    runtime: optional(Type.String({
      description: 'Folder of what is this replica\'s own, its https and OCSP certificates with their keys; the data folder where absent. For replicas that share a data folder, or may only read it',
      minLength: 1, examples: ['/run/chancery'],
    })),
    listen: Type.Object(
      {
        https: Address('Serves everything over TLS; port 0 takes a free one, off turns it off', '127.0.0.1:8443'),
        http: Address('Serves CRLs, OCSP, CA certificates and health without TLS; off turns it off', '127.0.0.1:8080'),
        metrics: Address('Serves /metrics; off turns it off', '127.0.0.1:9464'),
      }, { ...closed, description: 'Addresses to listen on' }),
    publicUrl: Type.Object(
      {
        https: optional(formed<string>('httpsUrl', {
          description: 'Where the https listener is reached: what goes into links and printed lines; its own address where absent', examples: ['https://ca.example.com'],
        })),
        http: optional(formed<string>('httpUrl', {
          description: 'Where the http listener is reached: what goes into every certificate as address of CRL, issuer and OCSP; its own address where absent',
          examples: ['http://ca.example.com'],
        })),
      }, { ...closed, description: 'How others reach the listeners' }),
    hostNames: optional(Texts('Names and addresses of the service\'s own https certificate; localhost, 127.0.0.1, ::1, the machine\'s name and the host of publicUrl.https where absent', {
      minItems: 1,
      item: formed<string>('hostName', { description: 'A name or address' }), examples: [['ca.example.com', 'localhost', '127.0.0.1']],
    })),
    httpsCertificate: Type.Object(
      {
        cert: optional(File('Its chain, PEM, the listener\'s own certificate first', '/etc/chancery/https.pem')),
        key: optional(File('Its key, PEM', '/etc/chancery/https.key')),
      }, { ...closed, description: 'Certificate of the https listener from files, which are looked at again every minute; where absent the service makes its own' }),
    store: Type.Object(
      {
        url: optional(formed<StoreLocation>('store', {
          description: 'Where requests, certificates, tokens and the audit log are kept; the folder store in the data folder where absent. embedded:<folder>; '
            + 'redis://user:password@host:port/database; redis+sentinel://host,host,host/name; redis+cluster://host,host,host; with TLS rediss://, rediss+sentinel://, rediss+cluster://',
          examples: ['rediss+sentinel://chancery@redis1.example.com,redis2.example.com,redis3.example.com/chancery'], 'x-secret': true,
        })),
        password: optional(Secret('Password of the user in Redis, where the address has none')),
        prefix: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$', description: 'What all keys in Redis begin with, in braces: letters, digits, dots, colons, dashes', default: 'chancery' }),
        tls: Type.Object(
          {
            ca: optional(File('Certificates of the CAs of the Redis servers, PEM; those of the system where absent', '/etc/chancery/redis/ca.pem')),
            cert: optional(File('Our own certificate for Redis, with its chain, PEM', '/etc/chancery/redis/client.pem')),
            key: optional(File('Its key, PEM', '/etc/chancery/redis/client.key')),
            serverName: optional(Type.String({ minLength: 1, description: 'Name in the certificates of the Redis servers; each one\'s own host where absent', examples: ['redis.example.com'] })),
          }, { ...closed, description: 'TLS to Redis; files are read again at each connect' }),
        sentinel: Type.Object(
          {
            user: optional(Type.String({ minLength: 1, description: 'User of the sentinels themselves', examples: ['chancery'] })),
            password: optional(Secret('Password of the sentinels themselves')),
          }, { ...closed, description: 'To be let in by the sentinels' }),
        minReplicas: Count('How many replicas of Redis must have a write before it is acknowledged; with fewer every call is 503', 0, { minimum: 0, maximum: 100 }),
        replicaTimeout: Duration('How long the replicas of Redis may take for that', '1s'),
        timeout: Duration('How long a call to Redis may take before it is given up, its outcome unknown, with 503', '5s'),
        allowVolatile: Flag(
          'Whether a Redis is taken that may lose what it has acknowledged: appendonly other than yes, appendfsync other than always, maxmemory-policy other than noeviction', { default: false }),
        retainEnded: Duration('How long a record stays after its certificate ended, or its request was refused; at least two CRL lifetimes', '90d'),
      }, { ...closed, description: 'The store: what is kept of requests, certificates and decisions' }),
    authority: Type.Object(
      {
        passphrase: optional(Secret('Encrypts the authorities\' keys when they are made, and decrypts them; they are not encrypted where absent')),
        verifySignatures: Flag('Whether each signature is verified before it is given out, also those of EC and Ed25519 keys; those of RSA keys always are', { default: false }),
        issuing: optional(Type.String({ minLength: 1, description: 'Name of the authority that signs certificates; the one with a key that init made where absent', examples: ['issuing'] })),
      }, { ...closed, description: 'The authorities and their keys' }),
    crl: Type.Object(
      {
        lifetime: Duration('How long a CRL is good: from thisUpdate to nextUpdate', '7d'),
        renewBefore: Duration('How long before nextUpdate the next CRL is published; less than lifetime', '5d'),
        rootLifetime: Duration('How long a CRL of the root is good; it is renewed at half of that', '90d'),
        coalesce: Duration(
          'Least time between two CRLs of an authority: what is revoked meanwhile waits for the next. 0s: each revocation is on a CRL within a second, and those of one second share one',
          '0s'),
        delta: Type.Object(
          {
            publish: Flag('Whether delta CRLs are published, and full CRLs say where', { default: false }),
            lifetime: Duration('How long a delta is good; it is renewed at half of that', '1d'),
            reach: Duration('How old a full CRL may be that the delta brings up to date', '7d'),
          }, { ...closed, description: 'Delta CRLs (RFC 5280 5.2.4), which list only what is new' }),
        shards: Count(
          'Parts of the CRL, one of which each certificate names as its CRL: a power of two, or 0 for the full CRL alone. May be changed at any time: '
            + 'older parts stay published until the last certificate that names them has ended',
          0, { minimum: 0, maximum: MOST_SHARDS }),
      }, { ...closed, description: 'Certificate revocation lists' }),
    ocsp: Type.Object(
      {
        serve: Flag('Whether OCSP is answered, and certificates say where', { default: true }),
        lifetime: Duration('How long an answer is good: from thisUpdate to nextUpdate; it is renewed at half of that', '1d'),
        maxAge: Duration('How long caches may give out an answer without asking whether there is another; at most half of lifetime', '5m'),
        kept: Count('Answers that each process keeps in memory, about 2 KiB each', 20_000, { minimum: 0, maximum: 10_000_000 }),
        responderId: Choice(['key', 'name'], { description: 'How an answer names who signed it: key, by the hash of the key; name, by the subject', default: 'key' }),
        responderLifetime: Duration('Life of the certificate that signs answers; it is renewed at two thirds. At least three times lifetime', '7d'),
      }, { ...closed, description: 'The OCSP responders of the authorities whose key is here' }),
    profiles: Type.Unsafe<Record<string, RawProfile>>(Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), ProfileSchema, {
      ...closed,
      description: 'What certificates contain and how long they live. What is said of a built-in profile (server, acme, client, node, swarm, operator, ocsp, subordinate, service) '
        + 'replaces those values alone; another name makes another profile',
      examples: [{ server: { lifetime: '90d', names: { allow: ['**.example.com', '10.0.0.0/8'] } } }],
    })),
    defaultProfile: Type.String({ minLength: 1, default: 'server', description: 'Profile of a request that names none' }),
    eligibility: EligibilitySchema,
    webhooks: WebhooksSchema,
    keys: Type.Object(
      {
        block: Texts('SHA-256 of the SubjectPublicKeyInfo of such keys', {
          item: Type.String({ pattern: '^[0-9a-f]{64}$', description: '64 lower-case hex digits' }), default: [],
        }),
        debianBlockLists: Texts('Files of weak RSA keys, as in Debian\'s openssl-blacklist (CVE-2008-0166): 20 hex digits a line', { default: [] }),
      }, { ...closed, description: 'Keys that are never certified' }),
    limits: Type.Object(
      {
        body: Count('Bytes of a request body at most', 65_536, { minimum: 1024, maximum: 1_048_576 }),
        connections: Count('Open connections at most, for each listener and process', 10_240, { minimum: 1 }),
        requestTime: Duration('How long a whole request, body included, may take to arrive', '15s'),
        wait: Duration('How long a call may wait at most that says so (Prefer: wait)', '60s'),
        perIdentity: Count('Calls a minute of each identity that is no operator; 0 for no limit', 60_000, { minimum: 0 }),
        perAddress: Count('Calls a minute of each address, whatever credentials they carry; 0 for no limit', 0, { minimum: 0 }),
        eventStreams: Count('Clients at most that follow the revocations as events, for each process', 2000, { minimum: 0 }),
        eventStreamsPerAddress: Count('The same for each address; behind a load balancer all are of one address', 100, { minimum: 1 }),
        failuresPerAddress: Count('Refused credentials a minute of each address; 0 for no limit', 120, { minimum: 0 }),
      }, { ...closed, description: 'What callers may take. Rates are counted by each process, in its memory' }),
    log: Type.Object(
      {
        level: Choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { description: 'The least level that is logged', default: 'info' }),
        requests: Flag('Whether each call is logged, with method, path, address, status and time', { default: false }),
      }, { ...closed, description: 'The log: JSON lines on standard error' }),
    acme: AcmeSchema,
    cfssl: CfsslSchema,
    swarm: SwarmSchema,
    attestation: AttestationSchema,
    oidc: OidcSchema,
    workers: Count('Processes on this machine that share the listeners and the store', 1, { minimum: 1, maximum: 64 }),
  },
  { ...closed, $id: 'https://chancery.invalid/config.schema.json', title: 'Chancery configuration' },
);

export type Settings = Static<typeof ConfigSchema>;
