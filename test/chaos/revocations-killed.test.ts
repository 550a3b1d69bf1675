import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { issuedBy, standingOf } from '../../src/revocation/ocsp-standing.ts';
import type { CrlDocument } from '../../src/store/crl-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { readDocument, type ReadCrl } from '../helpers/revocations.ts';
import { openByUrl } from './open-store.ts';
import { faultsOfPublished, type Published } from './rule-seven.ts';

const REVOKER = fileURLToPath(new URL('./revoker.js', import.meta.url));
/** Set for the long form: ten thousand acts. */
const ACTS = Number(process.env['CHANCERY_CHAOS_ACTS'] ?? 1200);
const KILLS = 6;

interface Line {
  readonly serial: string;
  readonly to: string;
  readonly done: boolean;
}

t.test(`after ${ACTS} revocations, holds and releases with kills between, all that is published says the same`, { timeout: 600_000 }, async (t) => {
  const { data, authorities: { issuing } } = await makeTestAuthorities();
  const folder = temporaryFolder();
  const crls = join(folder, 'crls');
  mkdirSync(crls);
  const url = `embedded:${join(folder, 'store')}`;
  const log = join(folder, 'log');
  const began = Date.now();
  const run = async (acts: number, shards: number, kill: boolean): Promise<string> => {
    const output = openSync(log, 'a');
    const child = spawn(process.execPath, [REVOKER, url, data, crls, String(acts), String(shards), String(began)], { stdio: ['ignore', output, 'pipe'] });
    closeSync(output);
    let said = '';
    child.stderr?.on('data', (more) => (said += String(more)));
    const exit = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    if (kill) await Promise.race([exit, wait(300 + Math.random() * 900 + ACTS / 20).then(() => void child.kill('SIGKILL'))]);
    await exit;
    return said;
  };
  for (let round = 0; round < KILLS; round += 1) await run(Math.ceil(ACTS / KILLS), round < 3 ? 4 : 16, true);
  t.match(await run(Math.ceil(ACTS / KILLS), 16, false), /done/);

  const store = await openByUrl(url);
  t.teardown(() => store.close());
  const lines = readFileSync(log, 'utf8').split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Line);
  const truth = await truthOf(store, lines);
  const earlier = readdirSync(crls).filter((name) => name.endsWith('.crl')).sort().slice(0, -1).slice(-60).map((name) => readDocument(readFileSync(join(crls, name))));
  const document = async (name: CrlDocument): Promise<ReadCrl> => readDocument((await store.crls.current('issuing', name))!.der);
  const shards = new Map<number, ReadCrl[]>();
  for (const { count } of await store.crls.shardGenerations('issuing')) shards.set(count, await Promise.all(Array.from({ length: count }, (_, index) => document(`${count}-${index}`))));
  const ocsp = new Map<string, RevocationReason>();
  for (const serial of new Set(lines.map((line) => line.serial))) {
    const { certStatus } = await standingOf({ certificates: store.certificates, crls: store.crls }, issuing, issuedBy([], issuing), serial, began / 1000);
    if (certStatus.status === 'revoked') ocsp.set(serial, certStatus.reason);
    else if (certStatus.status !== 'good') t.fail(`${serial} was issued, and is ${certStatus.status}`);
  }
  const published: Published = { full: await document('full'), delta: await document('delta'), earlier, shards, ocsp };
  t.same([...shards.keys()].sort((a, b) => a - b), [4, 16]);
  t.same(faultsOfPublished(truth, published).slice(0, 10), []);
  t.comment(`${lines.filter(({ done }) => done).length} acts acknowledged, ${truth.size} revoked, ${earlier.length} earlier CRLs, full CRL ${published.full.number}`);
  t.ok(truth.size > ACTS / 20);

  // The checker itself: a planted fault of each kind is found.
  const found = (more: Partial<Published>): number => faultsOfPublished(truth, { ...published, ...more }).length;
  const without = (crl: ReadCrl): ReadCrl => ({ ...crl, entries: new Map([...crl.entries].slice(1)) });
  const altered = (crl: ReadCrl, serial: string, reason: RevocationReason): ReadCrl => ({ ...crl, entries: new Map([...crl.entries, [serial, reason]]) });
  const { full, delta } = published;
  const [some] = [...truth.keys()];
  const good = lines.find(({ to, serial }) => to === 'released' && !truth.has(serial))?.serial ?? 'ff';
  const sixteen = shards.get(16) ?? [];
  const fullest = sixteen.reduce((most, crl, index) => (crl.entries.size > (sixteen[most]?.entries.size ?? 0) ? index : most), 0);
  const planted: Readonly<Record<string, Partial<Published>>> = {
    'an entry that is missing in the full CRL': { full: without(full) },
    'an entry too many': { full: altered(full, good, 'superseded') },
    'another reason': { full: altered(full, some ?? '', truth.get(some ?? '') === 'keyCompromise' ? 'superseded' : 'keyCompromise') },
    'a full CRL that removes': { full: altered(full, good, 'removeFromCRL') },
    'a delta that lists nothing': { delta: { ...delta, entries: new Map() } },
    'a release that is missing in the delta': { delta: { ...delta, entries: new Map([...delta.entries].filter(([, reason]) => reason !== 'removeFromCRL')) }, earlier: [altered(earlier.at(-1) ?? full, good, 'certificateHold')] },
    'a delta against what nobody has': { delta: { ...delta, base: delta.number } },
    'a shard that lacks an entry': { shards: new Map([[16, sixteen.map((crl, index) => (index === fullest ? without(crl) : crl))]]) },
    'a shard that is not there': { shards: new Map([[16, sixteen.slice(1)]]) },
    'shards in the wrong place': { shards: new Map([[16, [...sixteen].reverse()]]) },
    'OCSP that calls a revoked one good': { ocsp: new Map([...ocsp].slice(1)) },
    'OCSP that calls a good one revoked': { ocsp: new Map([...ocsp, [good, 'superseded']]) },
    'a number that comes twice': { earlier: [...earlier, full] },
    'a time that goes back': { earlier: [...earlier.slice(0, -1), { ...earlier.at(-1)!, crl: { ...full.crl, thisUpdate: full.crl.thisUpdate + 1 } }] },
  };
  for (const [what, fault] of Object.entries(planted)) t.ok(found(fault) > 0, what);
});

/** What is revoked by the store's records, after it was compared with what was acknowledged. */
async function truthOf(store: Store, lines: readonly Line[]): Promise<Map<string, RevocationReason>> {
  const done = new Map<string, string>();
  const begun = new Map<string, string>();
  for (const line of lines) {
    if (line.done) {
      done.set(line.serial, line.to);
      begun.delete(line.serial);
    } else begun.set(line.serial, line.to);
  }
  const truth = new Map<string, RevocationReason>();
  for (const serial of new Set(lines.map((line) => line.serial))) {
    const reason = (await store.certificates.get(serial))?.revocation?.reason;
    const is: string | undefined = reason ?? (done.has(serial) ? 'released' : undefined);
    if (is !== done.get(serial) && is !== (begun.get(serial) === 'released' && reason === undefined ? 'released' : begun.get(serial))) {
      throw new Error(`${serial} was acknowledged as ${done.get(serial)}, ${begun.get(serial) ?? 'nothing'} was under way, and it is ${is}`);
    }
    if (reason !== undefined) truth.set(serial, reason);
  }
  return truth;
}
