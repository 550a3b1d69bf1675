import { randomBytes } from 'node:crypto';
import t from 'tap';
import { encodeRevokedEntry } from '../../src/x509/crl.ts';
import { EntryLog, type EntrySelection } from '../../src/x509/crl-entry-log.ts';
import { readRevokedEntry } from '../../src/x509/crl-entry.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../src/x509/revocation-reason.ts';

const REASONS = Object.keys(REVOCATION_REASONS) as RevocationReason[];
const AT = 1_790_000_000;
const serialOf = (octets: number): string => {
  const bytes = randomBytes(octets);
  bytes[0] = bytes[0]! | 1;
  return bytes.toString('hex');
};
const entry = (revision: number, serial: string, reason: RevocationReason, notAfter = AT + 1000) => ({ revision, serial, notAfter, reason, der: encodeRevokedEntry({ serial, at: AT, reason }) });

function listed({ parts, count }: EntrySelection): string[] {
  const reader = new DerReader(Buffer.concat(parts));
  const all: string[] = [];
  while (!reader.atEnd) {
    const { serial, reason } = readRevokedEntry(reader);
    all.push(`${serial} ${reason}`);
  }
  if (all.length !== count) throw new Error(`${all.length} entries, ${count} told`);
  return all;
}

t.test('whatever is put, changed, released and forgotten, a selection is what a plain list would give', async (t) => {
  const log = new EntryLog();
  let plain: ReturnType<typeof entry>[] = [];
  const serials: string[] = [];
  for (let revision = 1; revision <= 6000; revision += 1) {
    const again = revision % 3 === 0 ? serials[(revision * 7919) % serials.length] : undefined;
    const serial = again ?? serialOf(1 + (revision % 19));
    if (again === undefined && serials.includes(serial)) continue;
    if (again === undefined) serials.push(serial);
    const change = entry(revision, serial, REASONS[(revision * 31) % REASONS.length]!, AT + (revision % 50));
    log.put(change);
    plain = [...plain.filter((one) => one.serial !== serial), change];
    if (revision % 17 === 0) {
      const gone = plain[(revision * 13) % plain.length]!.serial;
      log.forget(gone);
      plain = plain.filter((one) => one.serial !== gone);
    }
    if (revision % 500 !== 0 && revision > 40) continue;
    const live = plain.filter(({ reason }) => reason !== 'removeFromCRL');
    t.equal(log.count, live.length);
    t.same(listed(log.select({})), live.map((one) => `${one.serial} ${one.reason}`));
    const previous = { thisUpdate: AT + 25, revision: revision - 20 };
    const stays = (one: { revision: number; notAfter: number }): boolean => one.revision > previous.revision || one.notAfter >= previous.thisUpdate;
    t.same(listed(log.select({ previous })), live.filter(stays).map((one) => `${one.serial} ${one.reason}`));
    const since = revision - 100;
    const delta = log.select({ previous, since });
    const wanted = plain.filter((one) => one.revision > since && (one.reason === 'removeFromCRL' || stays(one)));
    t.same(listed(delta), wanted.map((one) => `${one.serial} ${one.reason}`));
    for (const { reason } of wanted) t.ok(delta.reasons.has(reason), reason);
    t.equal(delta.reasons.has('removeFromCRL'), wanted.some(({ reason }) => reason === 'removeFromCRL'));
    t.same([...log.find((_revision, notAfter, released) => released || notAfter < AT + 10)].sort(), plain.filter((one) => one.reason === 'removeFromCRL' || one.notAfter < AT + 10).map(({ serial }) => serial).sort());
  }
});

t.test('a delta against a base of before the first revocation has everything', async (t) => {
  const log = new EntryLog();
  log.put(entry(1, '0a', 'superseded'));
  log.put(entry(2, '0b', 'removeFromCRL'));
  t.equal(log.select({ since: 0 }).count, 2);
  t.equal(log.select({}).count, 1);
});

t.test('an entry that is another\'s, has another reason, or is no entry is refused, and changes nothing', async (t) => {
  const log = new EntryLog();
  log.put(entry(1, '0a', 'superseded'));
  const good = entry(2, '7f01', 'keyCompromise');
  const bad = {
    'another serial': { ...good, serial: '7f02' },
    'a longer serial': { ...good, serial: '7f0100' },
    'upper case': { ...good, serial: '7F01' },
    'another reason': { ...good, reason: 'superseded' as const },
    'no reason': { ...good, reason: 'unspecified' as const },
    'something behind': { ...good, der: Buffer.concat([good.der, good.der]) },
    'cut short': { ...good, der: good.der.subarray(0, -1) },
    'empty': { ...good, der: new Uint8Array(0) },
    'no sequence': { ...good, der: new Uint8Array(40) },
  };
  for (const [what, change] of Object.entries(bad)) t.throws(() => log.put(change), { name: 'X509Error' }, what);
  t.throws(() => log.put(entry(1, '0c', 'superseded')), RangeError, 'a revision of before');
  t.equal(log.count, 1);
  t.same(listed(log.select({})), ['0a superseded']);
});
