import { X509Certificate } from 'node:crypto';
import { lint, lintSelfSigned } from '../policy/lints.ts';
import { assembleCertificate, type Certificate, encodeTbsCertificate, parseCertificate } from '../x509/certificate.ts';
import { type DistinguishedName, encodeDistinguishedName } from '../x509/distinguished-name.ts';
import type { InformationAccess } from '../x509/extensions.ts';
import { keyIdentifier, parseSubjectPublicKeyInfo } from '../x509/public-key.ts';
import type { AuthorityMode } from './authority.ts';
import { type CaRights, caExtensions, type IssuedBy, rightsExtensions, subjectKeyIdOf } from './ca-extensions.ts';
import { Faults } from './errors.ts';
import { certificationRequest } from './keys/certification-request.ts';
import { fileSigningKey } from './keys/file.ts';
import type { SigningKey } from './keys/signing-key.ts';
import { generateKeyPair, type KeyPair } from './keys/generate.ts';
import { ISSUING, ROOT } from './layout.ts';
import type { AuthorityAlgorithm, CeremonySettings } from './options.ts';
import { checkTrustPath } from './trust-path.ts';

/** An authority not yet on disk: with its certificate, or with the request for one. */
export interface MadeAuthority {
  readonly name: string;
  readonly pair: KeyPair;
  readonly certificate?: Certificate;
  /** PKCS #10, DER. */
  readonly request?: Uint8Array;
}

export interface Circumstances {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly random: (size: number) => Uint8Array;
}

/** The issuer of a new certificate, and what the certificate says about it. */
interface Issuer {
  readonly certificate: Certificate;
  readonly signer: SigningKey;
  readonly crlUrls: readonly string[];
  readonly access: InformationAccess;
}

export interface Plan {
  readonly name: string;
  readonly subject: DistinguishedName;
  /** Seconds. */
  readonly lifetime: number;
  readonly algorithm: AuthorityAlgorithm;
  readonly rights: CaRights;
}

/** Seconds by which notBefore precedes the ceremony, since clocks of other machines may be behind. */
const BACKDATE = 3600;

const UNLIMITED: CaRights = { pathLength: undefined, constraints: undefined };

const MAKERS: Readonly<Record<AuthorityMode, (settings: CeremonySettings, at: Circumstances) => Promise<MadeAuthority[]>>> = {
  internal: async (settings, at) => {
    const { algorithm, crlUrls, access } = settings;
    const root = await makeCertified({ name: ROOT, subject: settings.rootName, lifetime: settings.rootLifetime, rights: UNLIMITED, algorithm }, at);
    const issuer = { certificate: root.certificate, signer: fileSigningKey(root.pair.privateKey, { verifySignatures: true }), crlUrls, access };
    return [root, await makeCertified({ name: ISSUING, subject: settings.issuingName, lifetime: settings.issuingLifetime, rights: settings, algorithm }, at, issuer)];
  },
  'self-signed': async (settings, at) => [
    await makeCertified({ name: ISSUING, subject: settings.rootName, lifetime: settings.rootLifetime, rights: settings, algorithm: settings.algorithm }, at),
  ],
  external: async (settings) => {
    const pair = await generateKeyPair(settings.algorithm);
    return [{ name: ISSUING, pair, request: certificationRequest(pair, settings.issuingName, rightsExtensions(settings)) }];
  },
};

/** Creates the authorities that the settings ask for, from the root down. @throws AuthorityError `ceremony-unverified` */
export const makeAuthorities = (settings: CeremonySettings, at: Circumstances): Promise<MadeAuthority[]> => MAKERS[settings.mode](settings, at);

/**
 * Creates a key and a certificate for it, signed by the issuer or by itself.
 * @throws LintError, AuthorityError `ceremony-unverified`
 */
export async function makeCertified(plan: Plan, { now, random }: Circumstances, issuer?: Issuer): Promise<MadeAuthority & { readonly certificate: Certificate }> {
  const pair = await generateKeyPair(plan.algorithm);
  const signer = issuer?.signer ?? fileSigningKey(pair.privateKey, { verifySignatures: true });
  const publicKey = parseSubjectPublicKeyInfo(pair.publicKey.export({ type: 'spki', format: 'der' }));
  const subject = encodeDistinguishedName(plan.subject);
  const tbs = encodeTbsCertificate({
    serial: newSerial(now, random),
    signatureAlgorithm: signer.algorithm.der,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: now - BACKDATE,
    // Both ends are inclusive (RFC 5280 4.1.2.5). The requested lifetime starts now.
    notAfter: now + plan.lifetime - 1,
    subject,
    publicKey: publicKey.der,
    extensions: caExtensions(publicKey, plan.rights, issuer === undefined ? undefined : issuedBy(issuer)),
  });
  const linted = issuer === undefined ? lintSelfSigned(tbs) : lint(tbs, { issuer: issuer.certificate, publicKey: publicKey.der });
  const certificate = parseCertificate(assembleCertificate(tbs, signer.algorithm.der, await signer.sign(linted)));
  checkIndependently(certificate, pair, issuer?.certificate ?? certificate, now);
  return { name: plan.name, pair, certificate };
}

function issuedBy({ certificate, crlUrls, access }: Issuer): IssuedBy {
  // The identifier in the certificate, which another CA may have computed differently (RFC 5280 4.2.1.1).
  return { keyId: subjectKeyIdOf(certificate.extensions) ?? keyIdentifier(certificate.publicKey), crlUrls, access };
}

/** 28 bits of time in units of 16 s, then 128 random bits (RFC 5280 4.1.2.2). `now` in seconds. */
const newSerial = (now: number, random: (size: number) => Uint8Array): string =>
  Math.floor(now / 16).toString(16).padStart(8, '0') + Buffer.from(random(16)).toString('hex');

/** Verifies what was created from the perspective of relying parties: node:crypto's parser, and the rules for paths. */
function checkIndependently(certificate: Certificate, { privateKey }: KeyPair, issuer: Certificate, now: number): void {
  const faults = new Faults();
  const seen = new X509Certificate(certificate.der);
  const by = new X509Certificate(issuer.der);
  const findings: readonly (readonly [boolean, string])[] = [
    [seen.ca, 'is not a CA certificate'],
    [seen.checkPrivateKey(privateKey), 'does not hold the key that was made for it'],
    [seen.checkIssued(by), 'does not name its issuer'],
    [seen.verify(by.publicKey), 'is not signed by its issuer'],
  ];
  for (const [good, fault] of findings) if (!good) faults.add('ceremony-unverified', `the certificate made for ${seen.subject.replaceAll('\n', ', ')} ${fault}`);
  checkTrustPath(issuer === certificate ? [certificate] : [certificate, issuer], faults, now);
  faults.check();
}
