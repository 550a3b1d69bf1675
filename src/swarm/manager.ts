import { Refused } from '../errors.ts';
import type { PeerCertificate } from '../http/peer-certificate.ts';
import type { CertificateStore } from '../store/store.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { X509Error } from '../x509/errors.ts';
import { valueOf } from '../x509/extension.ts';
import { decodeBasicConstraints, decodeExtendedKeyUsage, decodeKeyUsage } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';
import { isSignedBy } from '../x509/signature.ts';
import type { Registrations } from './registrations.ts';
import { CLUSTER_ID, MANAGER, NODE_ID, type Swarm, WORKER } from './swarm.ts';

export interface ManagerOptions {
  readonly certificates: Pick<CertificateStore, 'get'>;
  readonly registrations: Pick<Registrations, 'get'>;
  /** Profile of the certificates that this service issues to swarm nodes. */
  readonly profile: string;
}

/** Who asks on behalf of a swarm's nodes: one of its managers. */
export interface Manager {
  readonly clusterId: string;
  readonly proof: string;
  readonly serial: string;
}

interface Node {
  readonly clusterId: string;
  readonly role: string;
  readonly id: string;
}

/**
 * Identifies the manager that presents a certificate: one issued by this service for a swarm node, or one from a root that an operator registered for the
 * swarm named in the certificate. Checked with each call: what was revoked or unregistered is not accepted any more, even on an existing connection.
 * @param now milliseconds since the epoch
 * @returns undefined if the certificate does not claim to be a swarm node's
 * @throws Refused `unauthenticated`; `forbidden` for a worker
 */
export async function identifyManager(presented: PeerCertificate, { certificates, registrations, profile }: ManagerOptions, now: number): Promise<Manager | undefined> {
  const certificate = read(presented.der);
  const node = certificate && nodeOf(certificate);
  if (certificate === undefined || node === undefined) return undefined;
  const { clusterId, role, id } = node;
  const record = await certificates.get(presented.serial);
  const isOurs = record?.certificate !== undefined && equalBytes(record.certificate, presented.der);
  if (isOurs && record.profile !== profile) return undefined;
  if (isOurs && record.revocation !== undefined) throw new Refused('unauthenticated', `The client certificate ${record.id} is revoked (${record.revocation.reason}).`);
  const swarm = isOurs && !hasEnded(certificate, now) ? undefined : await registrations.get(clusterId);
  const vouched = isOurs ? '' : `, under its registered root ${rootOf(certificate, clusterId, swarm, now).digest}`;
  const late = checkTime(certificate, clusterId, swarm, now);
  if (role !== MANAGER) throw new Refused('forbidden', `The client certificate is of a node of swarm ${clusterId} that is not a manager; only managers request certificates.`);
  return { clusterId, serial: presented.serial, proof: `manager ${id} of swarm ${clusterId}, by its certificate ${presented.serial}${vouched}${late}` };
}


const read = (der: Uint8Array): Certificate | undefined => {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return undefined;
  }
};

/** O, OU and CN, each once and nothing else, as written by SwarmKit. */
function nodeOf({ subjectName }: Certificate): Node | undefined {
  const values = new Map(subjectName.map(({ type, value }) => [type, value]));
  const [clusterId = '', role = '', id = ''] = [OID.organizationName, OID.organizationalUnitName, OID.commonName].map((type) => values.get(type));
  if (subjectName.length !== 3 || ![MANAGER, WORKER].includes(role) || !CLUSTER_ID.test(clusterId) || !NODE_ID.test(id)) return undefined;
  return { clusterId, role, id };
}

const hasEnded = ({ notAfter }: Pick<Certificate, 'notAfter'>, now: number): boolean => notAfter < Math.floor(now / 1000);

/**
 * The root registered for this swarm that signed the certificate and is valid: an expired one is only accepted during a grace window.
 * @throws Refused `unauthenticated`
 */
function rootOf(certificate: Certificate, clusterId: string, swarm: Swarm | undefined, now: number): Swarm['roots'][number] {
  const mayHaveEnded = (swarm?.graceUntil ?? 0) > now;
  const root = swarm?.roots.find((one) => (mayHaveEnded || !hasEnded(one, now)) && hasSigned(parseCertificate(Buffer.from(one.certificate, 'base64')), certificate));
  if (root === undefined) {
    throw new Refused('unauthenticated', `The client certificate says that it is of swarm ${clusterId}; it was issued neither here nor by a root that is registered for that swarm and has not expired (chancery swarm register).`);
  }
  if (!isForClients(certificate)) throw new Refused('unauthenticated', 'The client certificate is not one for TLS clients.');
  return root;
}

const hasSigned = (root: Certificate, certificate: Certificate): boolean =>
  equalBytes(certificate.issuer, root.subject) && isSignedBy(certificate, root.publicKey);

/** RFC 5280 4.2.1.12, 4.2.1.3, 4.2.1.9: extensions that are present must allow it, and extended key usage must be present. */
function isForClients(certificate: Certificate): boolean {
  try {
    return valueOf(certificate, OID.extendedKeyUsage, decodeExtendedKeyUsage)?.includes(OID.clientAuth) === true
      && valueOf(certificate, OID.keyUsage, decodeKeyUsage)?.includes('digitalSignature') !== false
      && valueOf(certificate, OID.basicConstraints, decodeBasicConstraints)?.ca !== true;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return false;
  }
}

/** @returns an addition to the proof if a grace window was needed @throws Refused `unauthenticated` */
function checkTime(certificate: Certificate, clusterId: string, swarm: Swarm | undefined, now: number): string {
  if (Math.floor(now / 1000) < certificate.notBefore) throw new Refused('unauthenticated', 'The client certificate is not valid yet.');
  if (!hasEnded(certificate, now)) return '';
  const ended = new Date(certificate.notAfter * 1000).toISOString();
  if ((swarm?.graceUntil ?? 0) > now) return `, which expired at ${ended}: a grace window is open`;
  throw new Refused('unauthenticated', `The client certificate expired at ${ended}. An operator can open a grace window for the swarm (chancery swarm grace --cluster-id ${clusterId}).`);
}
