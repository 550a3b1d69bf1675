import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { verifyChain } from '../../src/audit/verify.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { beginning, contentOf } from '../../src/transfer/content.ts';
import { otherProcess } from '../chaos/other-process.ts';
import { TODAY, acceptance, record } from '../contracts/store/samples.ts';
import { transferContract } from '../contracts/transfer.ts';
import { openEmbedded } from './open-embedded.ts';

transferContract('embedded to embedded', openEmbedded, openEmbedded);

t.test('another process writes at full speed while this one reads: what arrives is the store at one head of its log', { timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-transfer-'));
  const path = join(folder, 'store');
  const from = await openEmbeddedStore({ path });
  const other = await otherProcess(`embedded:${path}`);
  const { store: to } = await openEmbedded(t);
  t.teardown(async () => {
    await other.end();
    await from.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let writing = true;
  const lanes = Promise.all(Array.from({ length: 8 }, async () => {
    while (writing) {
      const of = record();
      await other.accept(acceptance(of));
      await other.revoke(of.id, { at: TODAY, reason: 'superseded' });
    }
  }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const source = { store: from, authorities: ['issuing'] };
  const began = await beginning(source);
  for await (const { items, entries } of contentOf(source, began)) {
    await to.transfer.load(items, 'busy');
    await to.transfer.loadAudit(entries, 'busy');
  }
  writing = false;
  await lanes;
  const head = await to.audit.head();
  t.ok(head.sequence > began.begun.sequence, `${began.begun.sequence} lines before, ${head.sequence - began.begun.sequence} meanwhile`);
  const log = await to.audit.list({ after: 0, limit: 1_000_000 });
  t.same(await verifyChain(log, head), []);
  t.same(await from.audit.list({ after: head.sequence - 1, limit: 1 }), log.slice(-1), 'a head of the log there');
  const missing: string[] = [];
  for (const { subject } of log) if (await to.requests.get(subject) === undefined) missing.push(subject);
  t.same(missing, [], 'no line without its record');
  const lined = new Set(log.map(({ subject }) => subject));
  const { items } = await to.transfer.dump('request', undefined, 1_000_000);
  t.same(items.filter((item) => item.kind === 'request' && !lined.has(item.record.id)), [], 'no record without its line');
});
