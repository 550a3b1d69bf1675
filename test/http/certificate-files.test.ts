import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t from 'tap';
import { openssl } from '../helpers/openssl.ts';
import { startTestService } from '../helpers/service.ts';

const serialOf = (socket: TLSSocket): string => new X509Certificate(socket.getPeerCertificate().raw).serialNumber.toLowerCase();

t.test('the certificate may come from files, and one that is put in their place is taken up', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-files-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, 'https.pem'), join(folder, 'https.key')];
  const make = (): string => {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2');
    return new X509Certificate(readFileSync(cert)).serialNumber.toLowerCase();
  };
  const first = make();
  const chancery = await startTestService(t, { settings: { CHANCERY_HTTPS_CERTIFICATE__CERT: cert, CHANCERY_HTTPS_CERTIFICATE__KEY: key } });
  const seen = (): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(chancery.service.addresses.https ?? '').port), ca: readFileSync(cert), servername: 'localhost' }, () => {
      resolve(serialOf(socket));
      socket.destroy();
    });
    socket.once('error', reject);
  });
  t.equal(await seen(), first);
  const second = make();
  await chancery.service.renewOwnCertificate();
  t.equal(await seen(), second);
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key);
  await t.rejects(chancery.service.renewOwnCertificate(), /is not the key of/);
  t.equal(await seen(), second, 'what does not fit is not taken');
});
