import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkBegun, checkCrl, checkFollows } from '../../src/agent/crl/kept-crl.ts';
import { opensslNameHash } from '../../src/agent/crl/name-hash.ts';
import { owedCommand } from '../../src/agent/crl/owed-command.ts';
import { fileTarget, hashDirectoryTarget } from '../../src/agent/crl/targets.ts';
import { Failure } from '../../src/client/failure.ts';
import { eventParser, type ServerEvent } from '../../src/client/event-stream.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { deltaCRLIndicator, issuingDistributionPoint } from '../../src/x509/crl-extensions.ts';
import { pemOrDerOrBase64 } from '../../src/x509/pem.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { openssl } from '../helpers/openssl.ts';
import { signCrl } from './sign-crl.ts';

const FROM = 'http://ca.example.com/crl/issuing.crl';

t.test('the hash of a name is OpenSSL\'s', async (t) => {
  const folder = temporaryFolder();
  for (const subject of ['/CN=Root', '/C=DE/O=Example Ltd/OU=Two  Spaces/CN=MiXeD Case', '/CN=Zażółć GĘŚLĄ ÄÖÜ 证书', '/DC=com/DC=Example/CN=A', '/CN=x/emailAddress=Ops@Example.com', '/CN= leading and trailing ', '/O=a/O=b/O=C', '/CN=0']) {
    const out = join(folder, 'cert.pem');
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key.pem'), '-utf8', '-subj', subject, '-out', out);
    const certificate = parseCertificate(pemOrDerOrBase64(readFileSync(out), 'CERTIFICATE'));
    t.equal(opensslNameHash(certificate.subjectName), openssl('x509', '-in', out, '-noout', '-subject_hash').trim(), subject);
  }
});

t.test('only the issuer\'s own full CRL is taken', async (t) => {
  const { data, authorities: { issuing, root } } = await makeTestAuthorities();
  const good = signCrl(data, issuing, { number: 7, serials: ['0a'] });
  t.match(checkCrl(good, issuing.certificate, FROM), { number: 7n, count: 1 });
  const spoilt = Buffer.from(good);
  spoilt.writeUInt8(spoilt.readUInt8(spoilt.length - 3) ^ 1, spoilt.length - 3);
  const forged = Buffer.from(good);
  const serial = forged.indexOf(Buffer.from([0x02, 0x01, 0x0a]));
  forged.writeUInt8(0x0b, serial + 2);
  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['another signature', spoilt, /signature|number/],
    ['another serial in it', forged, /signature/],
    ['the root\'s', signCrl(data, root, { number: 7 }), /from another issuer/],
    ['signed by another key under the same name', signCrl(data, { ...root, certificate: issuing.certificate }, { number: 7 }), /signature/],
    ['a delta', signCrl(data, issuing, { number: 7, extensions: [deltaCRLIndicator(6)] }), /delta/],
    ['a shard', signCrl(data, issuing, { number: 7, extensions: [issuingDistributionPoint({ urls: ['http://ca.example.com/crl/issuing/4-1.crl'] })] }), /part/],
    ['those of CAs alone', signCrl(data, issuing, { number: 7, extensions: [issuingDistributionPoint({ urls: [FROM], onlyContainsCACerts: true })] }), /part/],
    ['cut short', good.subarray(0, good.length - 1), /./],
    ['more behind it', Buffer.concat([good, Buffer.of(0)]), /./],
    ['a page of HTML', Buffer.from('<html>'), /X509 CRL/],
    ['nothing', Buffer.alloc(0), /X509 CRL/],
  ];
  for (const [what, bytes, words] of refused) {
    t.throws(() => checkCrl(bytes, issuing.certificate, FROM), { code: 'check-failed', message: words }, what);
  }
  t.match(checkCrl(signCrl(data, issuing, { number: 8, extensions: [issuingDistributionPoint({ urls: [FROM] })] }), issuing.certificate, FROM), { number: 8n }, 'the shard of this very address');
  const now = checkCrl(good, issuing.certificate, FROM);
  checkFollows(now, now, FROM);
  checkFollows(undefined, now, FROM);
  for (const [number, words] of [[6, /older than 7/], [7, /the same number/]] as const) {
    const other = checkCrl(signCrl(data, issuing, { number, serials: ['0c'] }), issuing.certificate, FROM);
    t.throws(() => checkFollows(now, other, FROM), { code: 'check-failed', message: words });
  }
  checkBegun(now, now.thisUpdate * 1000, FROM);
  t.throws(() => checkBegun(now, now.thisUpdate * 1000 - 1, FROM), { message: /becomes valid in 1 s/ });
});

t.test('a file is replaced whole, with the rights of the old one; links stay', async (t) => {
  const { data, authorities: { issuing, root } } = await makeTestAuthorities();
  const folder = temporaryFolder();
  const kept = (authority: typeof root, number: number) => ({
    authority: authority.name, issuer: authority.certificate, crl: checkCrl(signCrl(data, authority, { number }), authority.certificate, FROM),
  });
  const path = join(folder, 'crl.pem');
  const target = fileTarget(path, 'pem');
  t.same(target.read(), []);
  target.write([kept(root, 1), kept(issuing, 1)]);
  t.equal(statSync(path).mode & 0o777, 0o644);
  t.equal(target.read().length, 2);
  t.match(openssl('crl', '-in', path, '-noout', '-crlnumber'), 'crlNumber=0x01');
  chmodSync(path, 0o640);
  const link = join(folder, 'link.pem');
  symlinkSync('crl.pem', link);
  fileTarget(link, 'pem').write([kept(issuing, 2)]);
  t.ok(lstatSync(link).isSymbolicLink());
  t.equal(statSync(path).mode & 0o777, 0o640);
  t.same(readdirSync(folder).sort(), ['crl.pem', 'link.pem'], 'nothing else is left');
  const der = join(folder, 'issuing.crl');
  fileTarget(der, 'der').write([kept(issuing, 3)]);
  t.match(openssl('crl', '-inform', 'DER', '-in', der, '-noout', '-crlnumber'), '0x03');
  t.throws(() => fileTarget(der, 'der').write([]), Failure);
  writeFileSync(path, 'what is this');
  t.same(fileTarget(path, 'pem').read(), [], 'what cannot be read is replaced in time');
});

t.test('a directory has the links that openssl rehash makes, two of one name too', async (t) => {
  const one = await makeTestAuthorities({ rootSubject: 'CN=Same Root' });
  const two = await makeTestAuthorities({ rootSubject: 'CN=Same Root' });
  const folder = temporaryFolder();
  const target = hashDirectoryTarget(folder);
  const all = ([['root', one.data, one.authorities.root], ['issuing', one.data, one.authorities.issuing], ['old-root', two.data, two.authorities.root]] as const)
    .map(([name, data, authority]) => ({ authority: name, issuer: authority.certificate, crl: checkCrl(signCrl(data, authority, { number: 1 }), authority.certificate, FROM) }));
  target.write(all);
  t.equal(target.mend(all), true);
  t.equal(target.mend(all), false);
  t.equal(target.read().length, 3);
  const links = (): string[] => readdirSync(folder).filter((name) => /\.r\d+$/.test(name)).map((name) => `${name} ${readlinkSync(join(folder, name))}`).sort();
  const [hash] = openssl('crl', '-in', join(folder, 'root.crl.pem'), '-noout', '-hash').trim().split('\n');
  const ours = links();
  t.match(ours.join('\n'), `${hash ?? ''}.r0 root.crl.pem`);
  t.match(ours.join('\n'), `${hash ?? ''}.r1 old-root.crl.pem`, 'the same name, another key');
  const stamp = target.stamp();
  openssl('rehash', folder);
  t.equal(links().length, 3);
  const files = (lines: readonly string[]): Set<string> => new Set(lines.map((line) => line.split(' ')[1] ?? ''));
  t.same(files(links()), files(ours));
  t.equal(target.mend(all), false, 'whichever number rehash gave them');
  t.equal(target.stamp(), stamp);
  for (const line of links()) rmSync(join(folder, line.split(' ')[0] ?? ''));
  t.equal(target.mend(all), true, 'a link that was lost comes back');
});

t.test('a command is run once for several changes, again for those meanwhile, and again where it failed', async (t) => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'd'));
  const marker = join(folder, 'd', '.owed');
  const runs: ((error?: Error) => void)[] = [];
  const failed: unknown[] = [];
  const options = { marker, debounce: 20, failed: (error: unknown) => failed.push(error), command: () => new Promise<void>((resolve, reject) => { runs.push((error) => (error === undefined ? resolve() : reject(error))); }) };
  const command = owedCommand(options);
  const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  command.soon();
  await pause(40);
  t.equal(runs.length, 0, 'nothing is owed');
  for (let n = 0; n < 5; n += 1) {
    command.owe();
    command.soon();
  }
  t.equal(runs.length, 0, 'it waits for others');
  await pause(60);
  t.equal(runs.length, 1);
  command.owe();
  command.soon();
  runs[0]?.();
  await pause(40);
  t.equal(runs.length, 2, 'what changed while it ran');
  runs[1]?.(new Error('broken'));
  await pause(10);
  t.equal(failed.length, 1);
  t.equal(command.owed(), true);
  command.soon();
  await pause(60);
  t.equal(runs.length, 3);
  await Promise.all([command.stop(), pause(5).then(() => runs[2]?.(new Error('still')))]);
  t.ok(existsSync(marker), 'the next start knows');
  const next = owedCommand(options);
  const done = next.run();
  runs[3]?.();
  await done;
  t.notOk(existsSync(marker));
});

t.test('events are read in any pieces', async (t) => {
  const text = ': hello\n\nid: 1\n\nevent: crl\nid: 2\ndata: {"a":1}\n\ndata: x\r\ndata:y\r\nretry: 10\r\n\r\n:\n\nevent: only\n\nid: 3\ndata: ż\n\nid: no\u0000\ndata\n\n';
  const expected: ServerEvent[] = [
    { event: 'crl', data: '{"a":1}', id: '2' }, { event: 'message', data: 'x\ny', id: '2' }, { event: 'message', data: 'ż', id: '3' }, { event: 'message', data: '', id: '3' },
  ];
  for (let size = 1; size < text.length; size += 1) {
    const events: ServerEvent[] = [];
    const ids: string[] = [];
    const parse = eventParser('', (event) => events.push(event), (id) => ids.push(id));
    for (let from = 0; from < text.length; from += size) parse(text.slice(from, from + size));
    t.same(events, expected, `pieces of ${size}`);
    t.ok(ids.includes('1'), 'an id alone');
  }
  const parse = eventParser('', () => {}, () => {});
  t.throws(() => { for (let n = 0; n < 100; n += 1) parse(`data: ${'x'.repeat(1000)}\n`); }, { code: 'bad-reply' }, 'an event without end');
  const line = eventParser('', () => {}, () => {});
  t.throws(() => { for (let n = 0; n < 100; n += 1) line('x'.repeat(1000)); }, { code: 'bad-reply' }, 'a line without end');
});
