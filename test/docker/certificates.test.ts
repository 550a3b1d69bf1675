import { join } from 'node:path';
import t from 'tap';
import { startService } from '../cli/service.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { openssl } from '../helpers/openssl.ts';

t.test('one token, two certificates, for an address alone; each renews', { timeout: 60_000 }, async (t) => {
  const service = await startService();
  t.teardown(() => service.kill());
  const json = async (...args: string[]) => {
    const run = await service.cli([...args, '--json']);
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout) as Readonly<Record<string, unknown>>;
  };
  const out = join(temporaryFolder('both'), 'tls');
  const { token } = await json('token', 'create', '--profile', 'server', 'client', '--name', '10.0.0.7');
  const enrolled = await json('enroll', '--token', String(token), '--name', '10.0.0.7', '--layout', 'docker', '--out', out);
  t.match(enrolled, { profile: 'server', certificates: [{ profile: 'server' }, { profile: 'client' }] });
  t.match(await json('renew', '--out', out, '--force'), { certificates: [{ profile: 'server', renewed: true }, { profile: 'client', renewed: true }] });
  for (const [file, usage] of [['cert.pem', 'TLS Web Client Authentication'], ['server-cert.pem', 'TLS Web Server Authentication']] as const) {
    const text = openssl('x509', '-in', join(out, file), '-noout', '-ext', 'subjectAltName,extendedKeyUsage');
    t.match(text, 'IP Address:10.0.0.7');
    t.match(text, new RegExp(`\\n +${usage}\\n`), 'that usage alone');
  }
});
