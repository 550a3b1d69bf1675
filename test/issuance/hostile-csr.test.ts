import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Refused } from '../../src/errors.ts';
import type { Identity } from '../../src/identity/identity.ts';
import { dryRun } from '../../src/issuance/issue.ts';
import { FULL_GRANT } from '../../src/policy/grant.ts';
import { startTestService } from '../helpers/service.ts';

const CORPORA = process.env['CHANCERY_CORPORA'] ?? '../shared/corpora';
const HOSTILE = join(CORPORA, 'hostile-csr');

/** Where the corpus leaves it open, as its README settles it; for profile `server`. */
const SETTLED: Readonly<Record<string, 'accept' | 'reject'>> = {
  'cn-bmp.der': 'reject',
  'good-ed25519.der': 'accept',
  'good-p521.der': 'reject',
  'rdn-multivalue.der': 'reject',
  'san-1000.der': 'reject',
  'san-dup.der': 'accept',
  'san-email.der': 'reject',
  'san-ip-v4mapped.der': 'reject',
  'san-uri-spiffe-other-td.der': 'reject',
};

/** A verdict of the corpus as ours. A key that shares a prime is seen only beside the other key. */
const VERDICTS: Readonly<Record<string, 'accept' | 'reject'>> = {
  accept: 'accept', 'accept-normalised': 'accept', reject: 'reject', 'reject-or-ignore': 'reject', 'reject-or-ignore-ms': 'reject', 'reject-by-batch-gcd': 'accept',
};

/** May have everything: what is refused here is refused to everybody. */
const ANYBODY: Identity = { kind: 'service', name: 'test', proof: 'a test', grant: FULL_GRANT, scopes: [] };

const SLOWEST = 50;

t.test('every hostile CSR ends as it should, through the whole cycle', { skip: existsSync(HOSTILE) ? false : 'the corpus is not here' }, async (t) => {
  const { service: { issuance } } = await startTestService(t);
  const rows = readFileSync(join(HOSTILE, 'EXPECTED.tsv'), 'utf8').trim().split('\n').slice(1).map((line) => line.split('\t'));
  for (const [file = '', verdict = '', why] of rows) {
    const expected = SETTLED[file] ?? VERDICTS[verdict];
    let outcome: 'accept' | 'reject';
    try {
      outcome = (await dryRun(issuance, { identity: ANYBODY, csr: readFileSync(join(HOSTILE, file)), profile: 'server' })).outcome === 'issued' ? 'accept' : 'reject';
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      t.match(error.code, /^csr-/, file);
      outcome = 'reject';
    }
    t.equal(outcome, expected, `${file}: ${why ?? ''}`);
  }
});

t.test('every other CSR ends in a certificate or a clear refusal, quickly', { skip: existsSync(CORPORA) ? false : 'the corpora are not here' }, async (t) => {
  const { service: { issuance } } = await startTestService(t);
  const folder = join(CORPORA, 'csr-embedded');
  let accepted = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.der'))) {
    const csr = readFileSync(join(folder, file));
    for (const profile of ['server', 'client', 'node', 'subordinate']) {
      const started = performance.now();
      const busy = process.cpuUsage();
      try {
        accepted += (await dryRun(issuance, { identity: ANYBODY, csr, profile })).outcome === 'issued' ? 1 : 0;
      } catch (error) {
        if (!(error instanceof Refused)) t.fail(`${file}: ${String(error)}`);
      }
      // The machine may be busy with something else: the process's own time counts.
      const { user, system } = process.cpuUsage(busy);
      const took = Math.min(performance.now() - started, (user + system) / 1000);
      t.ok(took < SLOWEST, `${file} ${profile}: ${took.toFixed(1)} ms`);
    }
  }
  t.ok(accepted > 40, `${accepted} were accepted: the corpus has honest ones`);
});
