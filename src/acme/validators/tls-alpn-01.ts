import { createHash, type X509Certificate } from 'node:crypto';
import { parseIpAddress } from '../../x509/ip-address.ts';
import type { Dial } from '../../outgoing/dial.ts';
import { openTls } from '../../outgoing/open-tls.ts';
import { readAlpnCertificate } from './alpn-certificate.ts';
import { invalid, VALID } from './outcome.ts';
import type { Identifier, ValidationOutcome, ValidationRequest } from './validator.ts';

const PROTOCOL = 'acme-tls/1';

/** RFC 8737 3; for addresses RFC 8738 6. */
export async function validateTlsAlpn01(dial: Dial, port: number, request: ValidationRequest, signal: AbortSignal): Promise<ValidationOutcome> {
  const { identifier, keyAuthorization } = request;
  const socket = await dial(identifier.value, port, signal);
  try {
    const secure = await openTls(socket, { serverName: serverNameOf(identifier), protocols: [PROTOCOL] }, signal);
    if (secure.alpnProtocol !== PROTOCOL) return invalid('unauthorized', `${identifier.value} port ${port} does not speak ${PROTOCOL}`);
    const certificate = secure.getPeerX509Certificate();
    const fault = certificate === undefined ? 'there is none' : faultOf(certificate, identifier, keyAuthorization);
    return fault === undefined ? VALID : invalid('unauthorized', `the certificate that ${identifier.value} port ${port} shows for ${PROTOCOL}: ${fault}`);
  } finally {
    socket.destroy();
  }
}

/** RFC 8738 6: an address is requested by its name in the reverse tree (RFC 1034 5.2.1, RFC 3596 2.5). */
export function serverNameOf({ type, value }: Identifier): string {
  if (type === 'dns') return value;
  const octets = [...parseIpAddress(value) ?? []];
  if (octets.length === 4) return `${octets.reverse().join('.')}.in-addr.arpa`;
  const nibbles = octets.flatMap((octet) => [octet >> 4, octet & 15]).reverse();
  return `${nibbles.map((nibble) => nibble.toString(16)).join('.')}.ip6.arpa`;
}

/** RFC 8737 3: self-signed, with exactly the requested name, and the digest of the key authorization in a critical acmeIdentifier. */
function faultOf(shown: X509Certificate, identifier: Identifier, keyAuthorization: string): string | undefined {
  const certificate = readAlpnCertificate(shown.raw);
  if (certificate === undefined) return 'it cannot be read';
  if (!isSelfSigned(shown)) return 'it is not self-signed';
  const { names, acmeIdentifier } = certificate;
  if (names.length !== 1 || names[0]?.kind !== identifier.type || names[0].value !== identifier.value) return `its subject alternative name is not ${identifier.value} and nothing else`;
  if (acmeIdentifier === undefined) return 'it has no acmeIdentifier extension';
  if (!acmeIdentifier.critical) return 'its acmeIdentifier extension is not critical';
  const digest = createHash('sha256').update(keyAuthorization).digest();
  if (acmeIdentifier.digest === undefined || !digest.equals(acmeIdentifier.digest)) return 'its acmeIdentifier is not the digest of the challenge\'s key authorization';
  return undefined;
}

function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey);
  } catch {
    return false;
  }
}
