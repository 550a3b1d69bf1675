import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificationRequest } from '../../src/authority/keys/certification-request.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { makeCsr, openssl } from '../helpers/openssl.ts';

/** An id as SwarmKit makes them. */
export const newId = (): string => BigInt(`0x${randomBytes(16).toString('hex')}`).toString(36).padStart(25, '0').slice(-25);

export interface Credential {
  readonly cert: string;
  readonly key: string;
}

/** A swarm with its own root, and certificates of its nodes as its own CA makes them. */
export interface OwnSwarm {
  readonly id: string;
  readonly root: string;
  readonly node: (options?: { readonly role?: string; readonly of?: string; readonly eku?: string; readonly subject?: string; readonly days?: number }) => Credential;
}

/** All swarms' roots have the same name. */
export function makeSwarm(folder: string, id = newId(), days = 400): OwnSwarm {
  const name = `swarm-${newId()}`;
  const [root, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days), '-subj', '/CN=swarm-ca', '-addext', 'keyUsage=critical,keyCertSign', '-keyout', key, '-out', root);
  return {
    id, root: readFileSync(root, 'utf8'),
    node: ({ role = 'swarm-manager', of = id, eku = 'serverAuth,clientAuth', subject = `/O=${of}/OU=${role}/CN=${newId()}`, days: lifetime = 1 } = {}) => {
      const node = join(folder, `node-${newId()}`);
      const files = makeCsr(folder, node.slice(folder.length + 1), { subject });
      writeFileSync(`${node}.ext`, `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=${eku}\n`);
      openssl('x509', '-req', '-in', files.csr, '-CA', root, '-CAkey', key, '-set_serial', `0x${randomBytes(19).toString('hex')}1`, '-days', String(lifetime), '-extfile', `${node}.ext`, '-out', `${node}.pem`);
      return { cert: readFileSync(`${node}.pem`, 'utf8'), key: readFileSync(files.key, 'utf8') };
    },
  };
}

/** What SwarmKit asks for a node, with what a test wants otherwise. */
export function nodeRequest(swarm: string, { role = 'swarm-worker', id = newId(), more = {}, parts = {}, hosts = [role, id, ...(role === 'swarm-manager' ? ['swarm-ca'] : [])] }: {
  readonly role?: string; readonly id?: string; readonly more?: object; readonly parts?: object; readonly hosts?: readonly string[];
} = {}): { readonly csrKey: string; readonly body: { readonly [member: string]: unknown } } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    csrKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    body: {
      hosts, certificate_request: encodePem('CERTIFICATE REQUEST', certificationRequest({ privateKey, publicKey }, [], [])),
      subject: { CN: id, names: [{ C: '', ST: '', L: '', O: swarm, OU: role, SerialNumber: '', ...parts }], SerialNumber: '' },
      profile: '', crl_override: '', label: '', ...more,
    },
  };
}

export const SIGN = '/api/v1/cfssl/sign';
