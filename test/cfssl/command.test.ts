import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCsr } from '../helpers/openssl.ts';
import { startTestService } from '../helpers/service.ts';
import { cfssl, noCfssl } from './client.ts';

const KEY = '00112233445566778899aabbccddeeff';

if (noCfssl !== false) t.plan(0, noCfssl);
else {
  const service = await startTestService(t, {
    settings: {
      CHANCERY_CFSSL__ENABLED: 'true', CHANCERY_CFSSL__KEYS__BUILDS__KEY: KEY, CHANCERY_CFSSL__KEYS__BUILDS__PROFILES: 'server', CHANCERY_CFSSL__KEYS__BUILDS__NAMES: '*.example.com',
    },
  });
  const folder = join(service.folder, 'cfssl');
  mkdirSync(folder);
  const remote = service.service.addresses.https ?? '';
  const root = join(service.config.data, 'root.pem');
  const operator = ['-mutual-tls-client-cert', join(service.config.data, 'operator', 'cert.pem'), '-mutual-tls-client-key', join(service.config.data, 'operator', 'key.pem')];
  const csr = (name: string): string => makeCsr(folder, name, { san: `DNS:${name}.example.com` }).csr;

  t.test('info shows the authority', async (t) => {
    const { json, log } = await cfssl('info', '-remote', remote, '-tls-remote-ca', root);
    t.match(json, { usages: ['digital signature', 'key encipherment', 'server auth'], expiry: '720h' }, log);
    t.equal(new X509Certificate(json.certificate).checkIssued(new X509Certificate(service.root)), true);
    t.match((await cfssl('info', '-remote', remote, '-tls-remote-ca', root, '-profile', 'nope')).log, /Unknown policy profile/);
  });

  t.test('sign with the operator\'s certificate, and not without', async (t) => {
    const { json, log } = await cfssl('sign', '-remote', remote, '-tls-remote-ca', root, ...operator, '-profile', 'node', csr('signed'));
    t.equal(new X509Certificate(json?.cert ?? readFileSync(root)).subjectAltName, 'DNS:signed.example.com', log);
    t.match((await cfssl('sign', '-remote', remote, '-tls-remote-ca', root, csr('nobody'))).log, /authentication required/);
  });

  t.test('authsign by the keys of its configuration', async (t) => {
    const config = (key: string): string => {
      const file = join(folder, `${key.slice(0, 4)}.json`);
      writeFileSync(file, JSON.stringify({
        signing: { default: { auth_remote: { auth_key: 'builds', remote: 'chancery' } } }, auth_keys: { builds: { type: 'standard', key } }, remotes: { chancery: remote },
      }), { mode: 0o600 });
      return file;
    };
    const request = csr('by-key');
    const { json, log } = await cfssl('sign', '-config', config(KEY), '-tls-remote-ca', root, request);
    t.equal(new X509Certificate(json?.cert ?? readFileSync(root)).subjectAltName, 'DNS:by-key.example.com', log);
    t.equal((await cfssl('sign', '-config', config(KEY), '-tls-remote-ca', root, request)).json.cert, json.cert, 'once more is the same');
    t.match((await cfssl('sign', '-config', config(KEY.replace('0', 'f')), '-tls-remote-ca', root, request)).log, /invalid token/);
  });
}
