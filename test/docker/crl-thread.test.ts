import fs, { readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { News, WatchSettings } from '../../src/docker/crl/news.ts';
import { type CrlThread, startCrlThread } from '../../src/docker/crl/start-thread.ts';
import { watchCrls } from '../../src/docker/crl/watch-crls.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { signCrl } from '../agent/sign-crl.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { crlServer, until } from './plugin-process.ts';

interface Scene {
  readonly thread: CrlThread;
  readonly news: News[];
  readonly told: string[];
}

function start(sources: WatchSettings['sources']): Scene {
  const news: News[] = [];
  const told: string[] = [];
  const settings = { service: undefined, roots: undefined, authorities: [], sources, state: join(temporaryFolder('thread'), 'state'), poll: 60_000, events: false };
  return { thread: startCrlThread(settings, { learn: (one) => void news.push(one), tell: (level, event) => void told.push(`${level} ${event}`) }), news, told };
}

t.test('what the thread learns comes in order: authorities, their CRLs, and that it has looked', async (t: Test) => {
  const { data, authorities } = await makeTestAuthorities();
  const web = await crlServer(t);
  web.bodies.set('/issuing.crl', signCrl(data, authorities.issuing, { number: 1, serials: ['0a01'] }));
  const { der } = authorities.issuing.certificate;
  const { thread, news } = start([{ authority: 'issuing', address: `${web.url}/issuing.crl`, issuer: Uint8Array.from(der) }]);
  await thread.looked;
  t.same(news.map(({ kind }) => kind), ['authorities', 'crl', 'looked']);
  const [known, crl] = news;
  t.ok(known?.kind === 'authorities' && parseCertificate(known.items[0]?.issuer ?? new Uint8Array(0)).serial === authorities.issuing.certificate.serial);
  t.ok(crl?.kind === 'crl' && crl.serials.count === 1 && crl.serials.octets instanceof SharedArrayBuffer, 'serials are shared, not copied');
  await thread.stop();
});

t.test('a thread that dies is followed by another, and can be stopped also between the two', { timeout: 60_000 }, async (t) => {
  const { thread, told } = start([{ authority: 'x', address: 'http://127.0.0.1:1/x.crl', issuer: new Uint8Array([1, 2, 3]) }]);
  await until(() => told.filter((line) => line === 'error thread').length >= 2, 30_000);
  await thread.stop();
  const count = told.length;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  t.equal(told.length, count, 'none comes after it was stopped');
});

t.test('a disk that takes nothing more keeps no CRL from counting, and no authority', async (t) => {
  const { data, authorities } = await makeTestAuthorities();
  const web = await crlServer(t);
  const sources = (['root', 'issuing'] as const).map((authority) => {
    const path = `/${authority}.crl`;
    web.bodies.set(path, signCrl(data, authorities[authority], { number: 1 }));
    return { authority, address: `${web.url}${path}`, issuer: Uint8Array.from(authorities[authority].certificate.der) };
  });
  const state = join(temporaryFolder('thread'), 'state');
  const news: News[] = [];
  const told: string[] = [];
  const stop = new AbortController();
  const full = (): never => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', path: state });
  };
  const before = fs.renameSync;
  fs.renameSync = full;
  syncBuiltinESMExports();
  t.teardown(() => {
    fs.renameSync = before;
    syncBuiltinESMExports();
  });
  await watchCrls({ service: undefined, roots: undefined, authorities: [], sources, state, poll: 60_000, events: false }, {
    now: Date.now, random: () => 0.5, tell: (level, event) => void told.push(`${level} ${event}`),
    learn: (one) => {
      news.push(one);
      if (one.kind === 'looked') stop.abort();
    },
  }, stop.signal);
  t.same(news.map((one) => (one.kind === 'crl' ? one.authority : one.kind)), ['authorities', 'root', 'issuing', 'looked']);
  t.same(told, ['error state', 'error failed']);
  t.same(readdirSync(state), [], 'nothing half is left');
});
