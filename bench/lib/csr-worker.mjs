import { generateKeyPairSync } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { importBuilt } from './build.mjs';
import { nameOf } from './csrs.mjs';

const { certificationRequest } = await importBuilt(workerData.build, 'authority/keys/certification-request');
const { subjectAltName } = await importBuilt(workerData.build, 'x509/extensions');
const { encodePem } = await importBuilt(workerData.build, 'x509/pem');
const { OID } = await importBuilt(workerData.build, 'x509/oids');

function line(n) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const value = nameOf(n);
  const csr = certificationRequest(pair, [{ type: OID.commonName, value }], [subjectAltName([{ kind: 'dns', value }], false)]);
  return `${encodePem('CERTIFICATE REQUEST', csr).replaceAll('\n', '\\n')}\n`;
}

parentPort.on('message', ({ first, end }) => {
  let lines = '';
  for (let n = first; n < end; n++) lines += line(n);
  parentPort.postMessage(lines);
});
