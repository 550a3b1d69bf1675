import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { X509Error } from '../../x509/errors.ts';
import { parseIpAddress } from '../../x509/ip-address.ts';
import { decodeBase64 } from '../../x509/pem.ts';
import { parseSubjectPublicKeyInfo, type PublicKey } from '../../x509/public-key.ts';
import { type Attestor, type Attested, attributesOf, needed, type Proof, unproved } from './attestor.ts';
import { parseSignedData, verifySignedData } from './cms/signed-data.ts';
import { readDocument, texts } from './document.ts';

/** A key with which AWS signs the documents of a region. */
export interface AwsKey {
  /** `any` for all regions not named. */
  readonly region: string;
  readonly publicKey: PublicKey;
  readonly key: KeyObject;
}

export interface AwsSettings {
  readonly keys: readonly AwsKey[];
  /** Seconds after its launch during which an instance may attest; 0 for no limit. */
  readonly maxAge: number;
}

/** Seconds by which the clocks of the cloud and of this machine may differ. */
const SKEW = 300;

const DOCUMENT_FORM = { accountId: /^\d{12}$/, region: /^[a-z0-9-]{1,32}$/, instanceId: /^i-[0-9a-f]{8,32}$/ } as const;

/**
 * The key in a certificate that AWS publishes for a region. AWS uses RSA keys of 1024 and 2048 bits, so the policy for certified keys does not
 * apply.
 * @throws Error
 */
export function awsKey(region: string, pem: string): AwsKey {
  const key = new X509Certificate(pem).publicKey;
  return { region, key, publicKey: parseSubjectPublicKeyInfo(key.export({ type: 'spki', format: 'der' })) };
}

/**
 * Proof by the instance identity document (`document`, as text) with AWS's signature over it: `signature` (RSA with SHA-256, base64), or
 * `rsa2048` (PKCS#7, base64). The document stays the same for the life of an instance and cannot contain a challenge: anyone who has read it
 * once can present it, so it is accepted for a single claim, and only for a time after launch.
 */
export function awsAttestor({ keys, maxAge }: AwsSettings): Attestor {
  return {
    kind: 'aws',
    demands: () => ({}),
    attest: ({ proof, now }) => {
      const document = Buffer.from(needed('aws', proof, 'document'), 'utf8');
      // The contents are not trusted before verification, but they tell which keys to verify with.
      const fields = readDocument('aws', document);
      const { region } = texts('aws', fields, DOCUMENT_FORM);
      const own = keys.filter((one) => one.region === region);
      const candidates = own.length > 0 ? own : keys.filter((one) => one.region === 'any');
      if (candidates.length === 0) throw unproved('aws', `no certificate is configured for region ${region}`);
      verifyDocument(proof, document, candidates, region);
      return attested(fields, now, maxAge);
    },
  };
}

function verifyDocument(proof: Proof, document: Uint8Array, keys: readonly AwsKey[], region: string): void {
  const { signature, rsa2048 } = proof;
  if ((signature === undefined) === (rsa2048 === undefined)) throw unproved('aws', 'expected either "signature" or "rsa2048"');
  const text = (signature ?? rsa2048 ?? '').replace(/-----(BEGIN|END) PKCS7-----/g, '').replace(/\s/g, '');
  try {
    const octets = decodeBase64(text);
    if (rsa2048 === undefined) {
      if (!keys.some(({ key }) => key.asymmetricKeyType === 'rsa' && verify('sha256', document, key, octets))) throw unproved('aws', `the signature over the document is not by a key of ${region}`);
      return;
    }
    const signed = parseSignedData(octets);
    if (signed.content !== undefined && Buffer.compare(signed.content, document) !== 0) throw unproved('aws', 'rsa2048 signs another document');
    if (!keys.some(({ publicKey }) => isVerified(() => verifySignedData(signed, document, publicKey)))) throw unproved('aws', `rsa2048 does not sign the document by a key of ${region}`);
  } catch (error) {
    throw error instanceof X509Error ? unproved('aws', error.detail, error) : error;
  }
}

function isVerified(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof X509Error) return false;
    throw error;
  }
}

function attested(fields: ReadonlyMap<string, unknown>, now: number, maxAge: number): Attested {
  const { accountId, region, instanceId } = texts('aws', fields, DOCUMENT_FORM);
  const { pendingTime } = texts('aws', fields, { pendingTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/ });
  const age = now - Date.parse(pendingTime) / 1000;
  if (!(age >= -SKEW)) throw unproved('aws', `the instance starts at ${pendingTime}, which is in the future`);
  if (maxAge > 0 && age > maxAge) throw unproved('aws', `the instance started at ${pendingTime}, longer ago than the ${maxAge} s in which it may prove itself`);
  const optional = (name: string): string | undefined => (typeof fields.get(name) === 'string' ? String(fields.get(name)) : undefined);
  const privateIp = optional('privateIp');
  return {
    name: `${accountId}/${instanceId}`,
    attributes: attributesOf({
      accountId, region, instanceId, availabilityZone: optional('availabilityZone'), instanceType: optional('instanceType'), imageId: optional('imageId'),
      architecture: optional('architecture'), privateIp, privateDnsName: privateDnsName(privateIp, region),
    }),
    proof: `instance ${instanceId} of AWS account ${accountId} in ${region}, by its identity document`,
  };
}

/** The name that AWS derives from an instance's address by default. */
function privateDnsName(address: string | undefined, region: string): string | undefined {
  if (address === undefined || parseIpAddress(address)?.length !== 4) return undefined;
  return `ip-${address.replaceAll('.', '-')}.${region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`}`;
}
