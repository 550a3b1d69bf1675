import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { authorityFiles } from '../../src/authority/layout.ts';
import type { News } from '../../src/docker/crl/news.ts';
import { indexSerials } from '../../src/docker/revoked-serials.ts';
import { type Standing, type StandingOptions, standing } from '../../src/docker/standing.ts';
import { encodeRevokedEntry } from '../../src/x509/crl.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { certifyClient } from './plugin-process.ts';

const NOW = Math.floor(Date.now() / 1000);
const SERIAL = '4a4b4c4d00112233445566778899aabbccddeeff';

interface Scene {
  readonly certificates: Standing;
  readonly client: string;
  readonly data: string;
  readonly issuers: Readonly<Record<'root' | 'issuing', Uint8Array>>;
  readonly crl: (authority: 'root' | 'issuing', serials?: readonly string[], times?: { readonly thisUpdate?: number; readonly nextUpdate?: number }) => void;
  readonly learn: (news: News) => void;
  clock: number;
}

const issuerOf = (data: string, name: string): Uint8Array => decodePem(readFileSync(authorityFiles(data, name).certificate, 'utf8'), 'CERTIFICATE')[0] ?? new Uint8Array(0);

async function scene(options: Partial<StandingOptions> = {}): Promise<Scene> {
  const { data } = await makeTestAuthorities();
  const issuers = { root: issuerOf(data, 'root'), issuing: issuerOf(data, 'issuing') };
  const self: { clock: number } = { clock: NOW };
  const certificates = standing({ stale: 'deny', mostSilence: undefined, now: () => self.clock * 1000, ...options });
  certificates.learn({ kind: 'authorities', items: [{ authority: 'root', issuer: issuers.root }, { authority: 'issuing', issuer: issuers.issuing }] });
  return Object.assign(self, {
    certificates, data, issuers,
    client: certifyClient(data, 'issuing', SERIAL),
    learn: certificates.learn,
    crl: (authority: 'root' | 'issuing', serials: readonly string[] = [], { thisUpdate = NOW - 10, nextUpdate = NOW + 3600 } = {}): void => {
      const entries = Buffer.concat(serials.map((serial) => encodeRevokedEntry({ serial, at: thisUpdate, reason: 'superseded' })));
      certificates.learn({ kind: 'crl', authority, issuer: issuers[authority], thisUpdate, nextUpdate, serials: indexSerials(entries, serials.length) });
    },
  });
}

t.test('a certificate is good only where the CRLs of all its authorities are there and do not list it', async (t) => {
  const s = await scene();
  const verdict = (): string => s.certificates.judge(s.client);
  t.equal(verdict(), 'crl-missing');
  s.crl('issuing');
  t.equal(verdict(), 'crl-missing', 'that of the root too');
  s.crl('root');
  t.equal(verdict(), 'good');
  t.equal(s.certificates.issuerOf(s.client), 'issuing');
  s.crl('issuing', [SERIAL]);
  t.equal(verdict(), 'revoked');
  s.crl('issuing');
  t.equal(verdict(), 'good', 'released');
  s.crl('root', [parseCertificate(s.issuers.issuing).serial]);
  t.equal(verdict(), 'issuer-revoked');
  s.crl('root', [SERIAL]);
  t.equal(verdict(), 'good', 'the same number by another authority is another certificate');
});

t.test('a CRL that has ended refuses, unless it is allowed to; what it lists is refused in either case', async (t) => {
  for (const [stale, good] of [['deny', 'crl-stale'], ['allow', 'good']] as const) {
    const s = await scene({ stale });
    s.crl('root');
    s.crl('issuing', [], { nextUpdate: NOW + 60 });
    s.clock = NOW + 59;
    t.equal(s.certificates.judge(s.client), 'good');
    s.clock = NOW + 60;
    t.equal(s.certificates.judge(s.client), good);
    s.crl('issuing', [SERIAL], { nextUpdate: NOW + 60 });
    t.equal(s.certificates.judge(s.client), 'revoked');
    const none = await scene({ stale });
    none.crl('root');
    t.equal(none.certificates.judge(none.client), 'crl-missing', 'none at all is another matter');
  }
});

t.test('silence for longer than is allowed refuses too', async (t) => {
  const s = await scene({ mostSilence: 60_000 });
  s.crl('root');
  s.crl('issuing');
  t.equal(s.certificates.judge(s.client), 'crl-stale', 'what was kept on disk is not enough');
  s.learn({ kind: 'looked', good: false, at: NOW * 1000 });
  t.equal(s.certificates.judge(s.client), 'crl-stale');
  s.learn({ kind: 'looked', good: true, at: NOW * 1000 });
  t.equal(s.certificates.judge(s.client), 'good');
  s.clock = NOW + 60;
  t.equal(s.certificates.judge(s.client), 'good');
  s.clock = NOW + 61;
  t.equal(s.certificates.judge(s.client), 'crl-stale');
});

t.test('a revocation that was told counts at once, until a CRL that lists it, and a release takes it back', async (t) => {
  const s = await scene();
  s.crl('root');
  s.crl('issuing');
  const tell = (status: 'revoked' | 'held' | 'released', authority = 'issuing'): void => s.learn({ kind: 'revocation', authority, serial: SERIAL, status, at: NOW });
  tell('revoked', 'root');
  t.equal(s.certificates.judge(s.client), 'good', 'of another authority');
  tell('held');
  t.equal(s.certificates.judge(s.client), 'revoked');
  tell('released');
  t.equal(s.certificates.judge(s.client), 'good');
  tell('revoked');
  s.crl('issuing', [], { thisUpdate: NOW + 4 });
  t.equal(s.certificates.judge(s.client), 'revoked', 'a CRL that may be from before does not take it back');
  s.crl('issuing', [], { thisUpdate: NOW + 5 });
  t.equal(s.certificates.judge(s.client), 'good', 'a later one says all');
});

t.test('a CRL of another authority of the same name takes nothing back', async (t) => {
  const s = await scene();
  s.crl('root');
  s.crl('issuing');
  const former = issuerOf((await makeTestAuthorities()).data, 'issuing');
  s.learn({ kind: 'authorities', items: [{ authority: 'root', issuer: s.issuers.root }, { authority: 'issuing', issuer: s.issuers.issuing }, { authority: 'issuing', issuer: former }] });
  s.learn({ kind: 'revocation', authority: 'issuing', serial: SERIAL, status: 'revoked', at: NOW });
  s.learn({ kind: 'crl', authority: 'issuing', issuer: former, thisUpdate: NOW + 60, nextUpdate: NOW + 3600, serials: indexSerials(new Uint8Array(0), 0) });
  t.equal(s.certificates.judge(s.client), 'revoked');
  s.crl('issuing', [], { thisUpdate: NOW + 60 });
  t.equal(s.certificates.judge(s.client), 'good');
});

t.test('certificates of nobody who is known, and those that only say that they are of ours', async (t) => {
  const s = await scene();
  s.crl('root');
  s.crl('issuing');
  const other = await makeTestAuthorities();
  // The same names, other keys.
  t.equal(s.certificates.judge(certifyClient(other.data, 'issuing', SERIAL)), 'issuer-unknown');
  s.learn({
    kind: 'authorities',
    items: [{ authority: 'root', issuer: s.issuers.root }, { authority: 'issuing', issuer: s.issuers.issuing }, { authority: 'other', issuer: issuerOf(other.data, 'issuing') }],
  });
  const theirs = certifyClient(other.data, 'issuing', SERIAL);
  t.equal(s.certificates.judge(theirs), 'crl-missing', 'of two authorities with one name, each certificate has its own');
  t.equal(s.certificates.issuerOf(theirs), 'other');
  t.equal(s.certificates.judge(s.client), 'good', 'and what was learned of the others stays');
  s.learn({ kind: 'authorities', items: [{ authority: 'issuing', issuer: s.issuers.issuing }] });
  t.equal(s.certificates.judge(s.client), 'good', 'an authority above that is not watched is not asked');
});

t.test('a certificate that has ended since the handshake, or has not begun', async (t) => {
  const s = await scene();
  s.crl('root', [], { nextUpdate: NOW + 10 * 86_400 });
  s.crl('issuing', [], { nextUpdate: NOW + 10 * 86_400 });
  s.clock = NOW + 2 * 86_400;
  t.equal(s.certificates.judge(s.client), 'expired');
  s.clock = NOW - 2 * 86_400;
  t.equal(s.certificates.judge(s.client), 'not-yet-valid');
});

t.test('what cannot be read is told so, and more clients than are remembered are judged all the same', async (t) => {
  const s = await scene();
  s.crl('root');
  s.crl('issuing', [SERIAL]);
  for (const text of ['', 'x', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', s.client + s.client, s.client.replace(/MII/, 'MIJ')]) {
    t.throws(() => s.certificates.judge(text), { name: 'X509Error' }, text.slice(0, 40));
  }
  // Each text is remembered by itself.
  for (let n = 0; n < 1100; n += 1) t.equal(s.certificates.judge(`${s.client}${'\n'.repeat(n % 50)}${randomBytes(0).toString()}`), 'revoked');
});
