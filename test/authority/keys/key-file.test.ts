import t from 'tap';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readKeyFile, writeKeyFile } from '../../../src/authority/keys/key-file.ts';
import { faultsOf, refusalOf } from '../assert.ts';

const { privateKey } = generateKeyPairSync('ed25519');

t.test('a key file is 0600 from its first moment, and is read back', async (t) => {
  const path = join(t.testdir(), 'key.pem');
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  writeKeyFile(path, privateKey, 'secret');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.ok(readKeyFile(path, 'key.pem', 'secret').equals(privateKey));
});

t.test('a key file that others may read is a fault, whatever else is wrong', { skip: process.platform === 'win32' && 'no modes on Windows' }, async (t) => {
  const path = join(t.testdir(), 'key.pem');
  writeKeyFile(path, privateKey, 'secret');
  for (const mode of [0o640, 0o604, 0o660, 0o601]) {
    chmodSync(path, mode);
    t.same(await faultsOf(() => readKeyFile(path, 'key.pem', 'secret')), ['key-exposed'], mode.toString(8));
  }
  t.same(await faultsOf(() => readKeyFile(path, 'key.pem', 'wrong')), ['key-exposed', 'passphrase-wrong']);
  t.equal((await refusalOf(() => readKeyFile(path, 'key.pem', 'secret')))?.detail, 'key.pem has mode 0601; expected 0600, readable by the owner only');
});

t.test('what is no key file is refused', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'key.pem');
  t.same(await faultsOf(() => readKeyFile(path, 'key.pem')), ['key-missing']);
  mkdirSync(path);
  t.same(await faultsOf(() => readKeyFile(path, 'key.pem')), ['key-unreadable']);
  const large = join(folder, 'large.pem');
  writeFileSync(large, Buffer.alloc(65_537), { mode: 0o600 });
  t.same(await faultsOf(() => readKeyFile(large, 'key.pem')), ['key-unreadable']);
});
