import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { apply, readDocument } from '../helpers/revocations.ts';
import { type Reply, startTestService, type TestService } from '../helpers/service.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };
const ON = { CHANCERY_CRL__DELTA__PUBLISH: 'true', CHANCERY_CRL__SHARDS: '4' };

const issue = async (chancery: TestService, name: string): Promise<Reply['json']> =>
  (await chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: PKCS10, body: readFileSync(makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` }).csr) })).json;

const revoke = (chancery: TestService, serial: string, reason: string): Promise<Reply> =>
  chancery.call('POST', `/v1/certificates/${serial}/revoke`, { certificate: chancery.operator, body: { reason } });

/** The address that a certificate names as its CRL's, by OpenSSL. */
const pointOf = (certificate: string): string => /CRL Distribution Points:[^]*?URI:(\S+)/.exec(openssl('x509', '-in', certificate, '-noout', '-text'))?.[1] ?? '';

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + 8000; ;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error('it did not come');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

t.test('OpenSSL and GnuTLS judge by full CRL, by base and delta, and by the shard that the certificate names', async (t) => {
  const chancery = await startTestService(t, { settings: ON });
  const file = (name: string, content: string | Buffer): string => {
    const path = join(chancery.folder, name);
    writeFileSync(path, content);
    return path;
  };
  const [good, bad, held] = [await issue(chancery, 'good'), await issue(chancery, 'bad'), await issue(chancery, 'held')];
  const [root, chain] = [file('root.pem', chancery.root), file('chain.pem', bad.chain.join(''))];
  const leaf = { good: file('good.pem', good.certificate), bad: file('bad.pem', bad.certificate), held: file('held.pem', held.certificate) };
  const fetch = async (path: string): Promise<Buffer> => {
    const reply = await chancery.plain('GET', path);
    t.equal(reply.status, 200, path);
    t.equal(reply.headers['content-type'], 'application/pkix-crl');
    return reply.bytes;
  };
  const asPem = (name: string, der: Buffer): string => {
    const path = file(`${name}.crl`, der);
    openssl('crl', '-inform', 'DER', '-in', path, '-out', `${path}.pem`);
    t.match(opensslStatus('crl', '-inform', 'DER', '-in', path, '-noout', '-CAfile', chain).text, 'verify OK', `${name}: OpenSSL`);
    t.match(execFileSync('certtool', ['--verify-crl', '--load-ca-certificate', chain, '--infile', `${path}.pem`], { encoding: 'utf8', stdio: 'pipe' }), /Verified|verified/, `${name}: GnuTLS`);
    return `${path}.pem`;
  };
  const verdict = (certificate: string, crls: readonly string[], ...options: readonly string[]): string =>
    opensslStatus('verify', '-crl_check', ...options, '-CAfile', root, '-untrusted', chain, ...crls.flatMap((crl) => ['-CRLfile', crl]), certificate).text;

  // The delta follows the first full CRL within a second.
  await until(async () => ((await chancery.plain('GET', '/crl/issuing/delta.crl')).status === 200 ? true : undefined));
  t.equal((await revoke(chancery, held.serial, 'certificateHold')).status, 200);
  const base = await until(async () => {
    const der = await fetch('/crl/issuing.crl');
    return readDocument(der).entries.has(held.serial) ? der : undefined;
  });
  t.equal((await revoke(chancery, bad.serial, 'keyCompromise')).status, 200);
  const revokedAt = performance.now();
  t.equal((await chancery.call('POST', `/v1/certificates/${held.serial}/release`, { certificate: chancery.operator })).status, 200);
  const delta = await until(async () => {
    const der = await fetch('/crl/issuing/delta.crl');
    const { entries } = readDocument(der);
    return entries.has(bad.serial) && entries.get(held.serial) === 'removeFromCRL' ? der : undefined;
  });
  const full = await until(async () => {
    const der = await fetch('/crl/issuing.crl');
    return readDocument(der).entries.has(bad.serial) ? der : undefined;
  });
  t.ok(performance.now() - revokedAt < 4000, 'a small full CRL does not wait although the delta tells of it');
  t.same(apply(readDocument(base), readDocument(delta)), readDocument(full).entries);

  const fullPem = asPem('full', full);
  t.match(verdict(leaf.bad, [fullPem]), 'certificate revoked');
  for (const certificate of [leaf.good, leaf.held]) t.match(verdict(certificate, [fullPem]), /: OK/);
  const [basePem, deltaPem] = [asPem('base', base), asPem('delta', delta)];
  t.match(openssl('crl', '-in', deltaPem, '-noout', '-text'), /X509v3 Delta CRL Indicator: critical/);
  t.match(openssl('crl', '-in', fullPem, '-noout', '-text'), /X509v3 Freshest CRL/);
  t.match(verdict(leaf.held, [basePem]), 'certificate revoked', 'the base alone has the hold');
  const together = file('base-and-delta.pem', readFileSync(basePem, 'utf8') + readFileSync(deltaPem, 'utf8'));
  t.match(verdict(leaf.bad, [together], '-extended_crl', '-use_deltas'), 'certificate revoked');
  for (const certificate of [leaf.good, leaf.held]) t.match(verdict(certificate, [together], '-extended_crl', '-use_deltas'), /: OK/);

  const shards = new Map<string, string>();
  for (const [name, certificate] of Object.entries(leaf)) {
    const point = pointOf(certificate);
    t.match(point, /\/crl\/issuing\/4-[0-3]\.crl$/);
    const der = await fetch(new URL(point).pathname);
    t.same(readDocument(der).at, [point], 'the shard says it is where the certificate says');
    shards.set(name, asPem(`shard-of-${name}`, der));
  }
  t.match(verdict(leaf.bad, [shards.get('bad') ?? ''], '-extended_crl'), 'certificate revoked');
  for (const name of ['good', 'held'] as const) t.match(verdict(leaf[name], [shards.get(name) ?? ''], '-extended_crl'), /: OK/);
  const other = [0, 1, 2, 3].map((index) => `/crl/issuing/4-${index}.crl`).find((path) => !pointOf(leaf.bad).endsWith(path)) ?? '';
  t.match(verdict(leaf.bad, [asPem('other', await fetch(other))], '-extended_crl'), /unable to get certificate CRL|different CRL scope/i, 'another shard says nothing of it');
  t.match(execFileSync('certtool', ['--crl-info', '--inder', '--infile', join(chancery.folder, 'shard-of-bad.crl')], { encoding: 'utf8', stdio: 'pipe' }), new RegExp(`Serial Number[^]*${String(bad.serial)}`, 'i'));

  // A restart with another number: older certificates find their shard where they say it is.
  await chancery.restart({ CHANCERY_CRL__SHARDS: '8' });
  const later = await issue(chancery, 'later');
  t.match(pointOf(file('later.pem', later.certificate)), /\/crl\/issuing\/8-[0-7]\.crl$/);
  t.ok(readDocument(await fetch(new URL(pointOf(leaf.bad)).pathname)).entries.has(bad.serial));
  const union = new Set<string>();
  for (let index = 0; index < 8; index += 1) for (const serial of readDocument(await fetch(`/crl/issuing/8-${index}.crl`)).entries.keys()) union.add(serial);
  t.same([...union], [bad.serial]);
});

t.test('each document has its own validators; ranges and HEAD are answered right; what is not there is told', async (t) => {
  const chancery = await startTestService(t, { settings: ON });
  await until(async () => ((await chancery.plain('GET', '/crl/issuing/delta.crl')).status === 200 ? true : undefined));
  for (const path of ['/crl/issuing.crl', '/crl/issuing.pem', '/crl/issuing/delta.crl', '/crl/issuing/4-0.crl', '/crl/root.crl']) {
    const reply = await chancery.plain('GET', path);
    t.equal(reply.status, 200, path);
    const etag = String(reply.headers.etag);
    t.match(etag, /^"[^"]+"$/);
    t.equal(Number(reply.headers['content-length']), reply.bytes.length);
    t.equal(reply.headers['content-encoding'], undefined);
    const left = (Date.parse(String(reply.headers.expires)) - Date.now()) / 1000;
    t.ok(Math.abs(left - Number(/max-age=(\d+)/.exec(String(reply.headers['cache-control']))?.[1])) < 3);
    for (const headers of [{ 'if-none-match': etag }, { 'if-none-match': `"x", ${etag}` }, { 'if-none-match': '*' }, { 'if-modified-since': String(reply.headers['last-modified']) }]) {
      const unchanged = await chancery.plain('GET', path, { headers });
      t.equal(unchanged.status, 304);
      t.equal(unchanged.bytes.length, 0);
      t.equal(unchanged.headers.etag, etag);
    }
    t.equal((await chancery.plain('GET', path, { headers: { 'if-none-match': '"other"', 'if-modified-since': String(reply.headers['last-modified']) } })).status, 200, 'the tag decides');
    const modified = String(reply.headers['last-modified']);
    const before = new Date(Date.parse(modified) - 1000).toUTCString();
    const preconditions: readonly (readonly [number, Readonly<Record<string, string>>])[] = [
      [200, { 'if-match': `"x", ${etag}` }], [200, { 'if-match': '*' }], [200, { 'if-match': etag, 'if-unmodified-since': before }], [304, { 'if-match': etag, 'if-none-match': etag }],
      [200, { 'if-unmodified-since': modified }], [200, { 'if-unmodified-since': 'yesterday' }],
      [412, { 'if-match': '"x"' }], [412, { 'if-match': `W/${etag}` }], [412, { 'if-match': '"x"', 'if-none-match': etag }], [412, { 'if-unmodified-since': before }],
    ];
    for (const [status, headers] of preconditions) {
      const answer = await chancery.plain('GET', path, { headers });
      t.equal(answer.status, status, `${path} ${JSON.stringify(headers)}`);
      if (status === 412) t.equal(answer.json.type, 'urn:chancery:error:precondition-failed');
    }
    const ranged = await chancery.plain('GET', path, { headers: { range: 'bytes=0-9', 'accept-encoding': 'gzip' } });
    t.equal(ranged.status, 200, 'ranges are not offered: the whole comes');
    t.ok(ranged.bytes.equals(reply.bytes));
    const head = await chancery.plain('HEAD', path);
    t.equal(head.headers.etag, etag);
    t.equal(Number(head.headers['content-length']), reply.bytes.length);
    t.ok((await chancery.call('GET', path)).bytes.equals(reply.bytes), 'the same bytes over https');
  }
  for (const path of ['/crl/issuing/full.crl', '/crl/issuing/4-4.crl', '/crl/issuing/8-0.crl', '/crl/nobody/delta.crl', '/crl/root/delta.crl', '/crl/issuing/__proto__.crl', '/crl/issuing/4-00000000000000.crl']) {
    t.equal((await chancery.plain('GET', path)).status, 404, path);
  }
  t.equal((await chancery.plain('POST', '/crl/issuing/delta.crl')).status, 405);
  const metrics = (await chancery.service.core.metrics.registry.metrics());
  t.match(metrics, /chancery_crl_entries\{authority="issuing",document="shards"\} 0/);
  t.match(metrics, /chancery_crl_pollers\{authority="issuing"\} 1/);
});

t.test('a CRL of megabytes is sent whole to those who read slowly, as DER and as PEM', async (t) => {
  const chancery = await startTestService(t);
  const { store } = chancery.service.core;
  const { encodeRevokedEntry } = await import('../../src/x509/crl.ts');
  const many = 30_000;
  const at = Math.floor(Date.now() / 1000);
  for (let done = 0; done < many; done += 2000) {
    await Promise.all(Array.from({ length: 2000 }, (_, n) => {
      const serial = `01${(done + n).toString(16).padStart(38, '0')}`;
      return store.crls.add('issuing', { serial, notAfter: at + 86_400 }, { at, reason: 'superseded' }, (time) => encodeRevokedEntry({ serial, at: time, reason: 'superseded' }), []);
    }));
  }
  const reply = await until(async () => {
    const tried = await chancery.plain('GET', '/crl/issuing.crl');
    return tried.bytes.length > many * 50 && readDocument(tried.bytes).entries.size === many ? tried : undefined;
  });
  const pem = await chancery.plain('GET', '/crl/issuing.pem');
  const path = join(chancery.folder, 'large.pem');
  writeFileSync(path, pem.bytes);
  openssl('crl', '-in', path, '-outform', 'DER', '-out', `${path}.der`);
  t.ok(readFileSync(`${path}.der`).equals(reply.bytes), 'OpenSSL reads the same from the PEM');
  const { hostname, port } = new URL(chancery.service.addresses.http ?? '');
  const slow = await new Promise<number>((resolve, reject) => {
    let octets = 0;
    const socket = connect(Number(port), hostname, () => socket.write('GET /crl/issuing.crl HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'));
    socket.on('data', (data: Buffer) => {
      octets += data.length;
      socket.pause();
      setTimeout(() => socket.resume(), 2);
    });
    socket.on('end', () => resolve(octets));
    socket.on('error', reject);
  });
  t.ok(slow > reply.bytes.length);
});

t.test('where a profile says so, certificates name the delta themselves (RFC 5280 4.2.1.15); without a delta of their CRL that is refused', async (t) => {
  const NAMED = { CHANCERY_CRL__DELTA__PUBLISH: 'true', CHANCERY_PROFILES__SERVER__FRESHEST_CRL: 'true' };
  const chancery = await startTestService(t, { settings: NAMED });
  const file = (name: string, content: string): string => {
    const path = join(chancery.folder, name);
    writeFileSync(path, content);
    return path;
  };
  const { serial, certificate, chain } = await issue(chancery, 'fresh');
  const leaf = file('fresh.pem', certificate);
  const http = chancery.service.addresses.http ?? '';
  t.match(openssl('x509', '-in', leaf, '-noout', '-text'), new RegExp(`X509v3 Freshest CRL:\\s+Full Name:\\s+URI:${http}/crl/issuing/delta.crl`));
  const trusted = [file('root.pem', chancery.root), file('chain.pem', chain.join(''))];
  t.match(opensslStatus('verify', '-x509_strict', '-CAfile', trusted[0]!, '-untrusted', trusted[1]!, leaf).text, 'OK');
  execFileSync('certtool', ['--verify', '--load-ca-certificate', trusted[0]!, '--infile', file('path.pem', certificate + chain.join(''))], { stdio: 'pipe' });
  const base = join(chancery.folder, 'base.crl');
  writeFileSync(base, (await chancery.plain('GET', '/crl/issuing.crl')).bytes);
  await revoke(chancery, serial, 'keyCompromise');
  const delta = join(chancery.folder, 'delta.crl');
  writeFileSync(delta, await until(async () => {
    const { status, bytes } = await chancery.plain('GET', '/crl/issuing/delta.crl');
    return status === 200 && readDocument(bytes).entries.has(serial) ? bytes : undefined;
  }));
  const crls = [base, delta].flatMap((path) => ['-CRLfile', path]);
  t.match(opensslStatus('verify', '-crl_check', '-extended_crl', '-use_deltas', '-partial_chain', '-CAfile', trusted[1]!, ...crls, leaf).text, /certificate revoked/);

  await t.rejects(chancery.restart({ CHANCERY_CRL__DELTA__PUBLISH: 'false' }), /profiles\.server\.freshestCrl|FRESHEST_CRL/);
  await t.rejects(chancery.restart({ CHANCERY_CRL__SHARDS: '4' }), /freshestCrl|FRESHEST_CRL/);
  await chancery.restart();
});
