import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { importBuilt } from './build.mjs';
import { nameOf } from './csrs.mjs';

const { certificationRequest } = await importBuilt(workerData.build, 'authority/keys/certification-request');
const { subjectAltName } = await importBuilt(workerData.build, 'x509/extensions');
const { encodePem } = await importBuilt(workerData.build, 'x509/pem');
const { OID } = await importBuilt(workerData.build, 'x509/oids');

/**
 * Avoids generateKeyPairSync: in Node 20, a garbage collection while such a key is being exported or inspected deadlocks on a lock that the
 * export itself holds, which happens about once in 100,000 keys.
 */
function newKey() {
  const pair = createECDH('prime256v1');
  const point = pair.generateKeys();
  const d = pair.getPrivateKey('hex').padStart(64, '0');
  const jwk = { kty: 'EC', crv: 'P-256', x: point.toString('base64url', 1, 33), y: point.toString('base64url', 33), d: Buffer.from(d, 'hex').toString('base64url') };
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function line(n) {
  const value = nameOf(n);
  const csr = certificationRequest(newKey(), [{ type: OID.commonName, value }], [subjectAltName([{ kind: 'dns', value }], false)]);
  return `${encodePem('CERTIFICATE REQUEST', csr).replaceAll('\n', '\\n')}\n`;
}

parentPort.on('message', ({ first, end }) => {
  let lines = '';
  for (let n = first; n < end; n++) lines += line(n);
  parentPort.postMessage(lines);
});
