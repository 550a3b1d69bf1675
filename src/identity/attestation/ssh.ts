import { sha256 } from '../../digest.ts';
import { type Attested, type Attestor, attributesOf, messageOf, needed, unproved } from './attestor.ts';
import type { KeptFile } from './kept-file.ts';
import { parseHostCertificate } from './ssh/host-certificate.ts';
import type { KnownHosts } from './ssh/known-hosts.ts';
import { fingerprintOf, type SshPublicKey } from './ssh/public-key.ts';
import { NAMESPACE, signerOf } from './ssh/signature.ts';
import { SshError } from './ssh/wire.ts';

/**
 * Proof by an SSH host key that signs the challenge (`signature`, from `ssh-keygen -Y sign`) and is listed in known_hosts, or has a host
 * certificate (`certificate`, the line of a -cert.pub file) from an authority listed there. Hosts only get the names listed there.
 */
export function sshAttestor(knownHosts: KeptFile<KnownHosts>): Attestor {
  return {
    kind: 'ssh',
    demands: (challenge) => ({ message: messageOf('ssh', challenge), namespace: NAMESPACE }),
    attest: ({ proof, challenge, now }) => {
      const known = knownHosts();
      try {
        const key = signerOf(needed('ssh', proof, 'signature'), messageOf('ssh', challenge));
        if (known.isRevoked(key)) throw unproved('ssh', `the key ${fingerprintOf(key)} is revoked`);
        return proof['certificate'] === undefined ? byKnownKey(key, known) : byCertificate(key, proof['certificate'], known, now);
      } catch (error) {
        throw error instanceof SshError ? unproved('ssh', error.message, error) : error;
      }
    },
  };
}

function byKnownKey(key: SshPublicKey, known: KnownHosts): Attested {
  const hosts = known.hostsOf(key);
  if (hosts.length === 0) throw unproved('ssh', `the key ${fingerprintOf(key)} is not a known host's`);
  return attested(key, hosts, 'which is a known host\'s', {});
}

function byCertificate(key: SshPublicKey, line: string, known: KnownHosts, now: number): Attested {
  const certificate = parseHostCertificate(line);
  const { authority, keyId, principals, after, before } = certificate;
  if (!certificate.key.blob.equals(key.blob)) throw unproved('ssh', 'the certificate is for another key than the one that signed');
  if (known.isRevoked(authority)) throw unproved('ssh', `the authority ${fingerprintOf(authority)} is revoked`);
  if (BigInt(now) < after) throw unproved('ssh', 'the certificate is not valid yet');
  if (BigInt(now) >= before) throw unproved('ssh', 'the certificate has expired');
  const hosts = known.certifiedBy(authority, principals);
  if (hosts.length === 0) throw unproved('ssh', `the authority ${fingerprintOf(authority)} is not trusted for ${principals.slice(0, 5).join(', ')}`);
  return attested(key, hosts, `certified as ${JSON.stringify(keyId.slice(0, 128))} by ${fingerprintOf(authority)}`, { keyId, authority: fingerprintOf(authority) });
}

const attested = (key: SshPublicKey, hosts: readonly string[], how: string, more: Readonly<Record<string, string>>): Attested => ({
  name: `${hosts[0] ?? ''}#${sha256(key.blob).slice(0, 32)}`,
  attributes: attributesOf({ hosts, keyType: key.type, fingerprint: fingerprintOf(key), ...more }),
  proof: `SSH host key ${fingerprintOf(key)}, ${how}`,
});
