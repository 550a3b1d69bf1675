import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readBlockLists } from '../src/block-lists.ts';
import { makeCsr, openssl } from './helpers/openssl.ts';
import { startTestService } from './helpers/service.ts';

t.test('a key on a configured list of weak keys is refused', async (t) => {
  const chancery = await startTestService(t);
  const csr = makeCsr(chancery.folder, 'weak', { san: 'DNS:weak.example.com', key: ['rsa:2048'] }).csr;
  const fingerprint = createHash('sha1').update(openssl('req', '-in', csr, '-noout', '-modulus')).digest('hex').slice(20);
  const list = join(chancery.folder, 'blacklist.RSA-2048');
  writeFileSync(list, `# as Debian's package has it\n${fingerprint}\n`);
  const ask = () => chancery.call('POST', '/v1/requests?dryRun=true', { certificate: chancery.operator, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(csr) });
  t.equal((await ask()).json.outcome, 'issued', 'no list, no fault');
  // From the folder that the configuration is read in.
  await chancery.restart({ CHANCERY_KEYS__DEBIAN_BLOCK_LISTS: '[blacklist.RSA-2048]' });
  const refused = await ask();
  t.equal(refused.json.outcome, 'denied');
  t.match(refused.json.steps.find(({ name }: { name: string }) => name === 'key'), { outcome: 'failed', reason: /block list: Debian weak keys/ });

  const empty = join(chancery.folder, 'empty');
  writeFileSync(empty, '# nothing\n');
  t.throws(() => readBlockLists({ block: [], debianBlockLists: [empty] }), /lists no key/);
  t.throws(() => readBlockLists({ block: [], debianBlockLists: [join(chancery.folder, 'absent')] }), { code: 'ENOENT' });
});
