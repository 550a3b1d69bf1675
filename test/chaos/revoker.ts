import { randomInt } from 'node:crypto';
import { renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { loadAuthorities } from '../../src/authority/load.ts';
import { crlPublisher } from '../../src/revocation/crl-publisher.ts';
import { assembleCertificate, encodeTbsCertificate } from '../../src/x509/certificate.ts';
import { encodeRevokedEntry } from '../../src/x509/crl.ts';
import { authorityKeyIdentifier } from '../../src/x509/extensions.ts';
import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { newSerial, put, record } from '../contracts/store/samples.ts';
import { openByUrl } from './open-store.ts';

/**
 * Revokes, holds, releases and publishes at random, to be killed: `revoker.js <url> <data> <folder> <acts> <shards> <began>`. What it is about to
 * do is a line on standard output, and another one when it was acknowledged. Each full CRL that it published is a file in `folder`.
 * Its clock runs 200 times as fast, from `began` (milliseconds), so that it publishes often.
 */
const [, , url = '', data = '', folder = '', acts = '0', shards = '0', began = '0'] = process.argv;
const store = await openByUrl(url);
const { issuing } = await loadAuthorities(data);
const clock = (): number => Number(began) + (Date.now() - Number(began)) * 200;
const DAY = 86_400;
const AT = 'http://ca.example.com/crl/issuing/';
const publisher = crlPublisher({
  store: store.crls, clock, folderOf: () => AT,
  scheduleOf: () => ({ lifetime: 700 * DAY, renewBefore: DAY, delta: { lifetime: 300 * DAY, renewBefore: DAY, reach: 600 } }),
}, issuing);
await store.crls.keepShards(issuing.name, { count: Number(shards), until: issuing.certificate.notAfter, addresses: [AT] });

/** What is under way or was done: `to` is a reason, or `released`. */
const tell = (line: { readonly serial: string; readonly to: string; readonly done: boolean }): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const PERMANENT = ['superseded', 'unspecified', 'cessationOfOperation', 'keyCompromise', 'affiliationChanged'] as const;
const now = (): number => Math.floor(clock() / 1000);

async function issue(): Promise<string> {
  const id = newSerial();
  const { notAfter } = issuing.certificate;
  const tbs = encodeTbsCertificate({
    serial: id, signatureAlgorithm: issuing.signatureAlgorithm.der, issuer: issuing.certificate.subject, notBefore: issuing.certificate.notBefore, notAfter,
    subject: issuing.certificate.subject, publicKey: issuing.certificate.publicKey.der, extensions: [authorityKeyIdentifier(issuing.subjectKeyId)],
  });
  return (await put(store, record({ id, notAfter, certificate: assembleCertificate(tbs, issuing.signatureAlgorithm.der, new Uint8Array(70)) }))).id;
}

async function revoke(serial: string, reason: RevocationReason): Promise<void> {
  tell({ serial, to: reason, done: false });
  await store.certificates.revoke(serial, { at: now(), reason }, (at) => encodeRevokedEntry({ serial, at, reason }), { blockKey: false }, []);
  tell({ serial, to: reason, done: true });
}

async function release(serial: string): Promise<void> {
  tell({ serial, to: 'released', done: false });
  await store.certificates.release(serial, now(), (at) => encodeRevokedEntry({ serial, at, reason: 'removeFromCRL' }), []);
  tell({ serial, to: 'released', done: true });
}

let left = Number(acts);
async function lane(): Promise<void> {
  const held: string[] = [];
  while (left > 0) {
    left -= 1;
    const act = randomInt(10);
    const serial = act >= 6 ? held.shift() : undefined;
    if (serial === undefined && act < 5) await revoke(await issue(), PERMANENT[randomInt(PERMANENT.length)]!);
    else if (serial === undefined) {
      const fresh = await issue();
      await revoke(fresh, 'certificateHold');
      held.push(fresh);
    } else if (act < 8) await release(serial);
    else await revoke(serial, PERMANENT[randomInt(PERMANENT.length)]!);
  }
}

async function publish(): Promise<void> {
  const { documents } = await publisher.publish('system', true);
  const full = documents.get('full');
  if (full === undefined) return;
  const path = join(folder, `${String(full.number).padStart(8, '0')}.crl`);
  writeFileSync(`${path}.part`, full.der);
  renameSync(`${path}.part`, path);
}

let working = true;
const publishing = (async () => {
  while (working) {
    if (await publisher.isDue()) await publish();
    await wait(2);
  }
})();
await Promise.all(Array.from({ length: 12 }, lane));
working = false;
await publishing;
await wait(10);
await publish();
await wait(10);
// With all that came before known to both: the delta and the full CRL are of one moment.
await publish();
await store.close();
process.stderr.write('done\n');
