import { chmodSync, chownSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { replaceFiles } from '../../src/agent/replace-files.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const NOBODY = 65_534;
const OTHERS = 12_345;

t.test('a file whose owner or group cannot be kept is not replaced, and why is told', { skip: process.geteuid?.() === 0 ? false : 'only root can become somebody else' }, (t) => {
  const folder = temporaryFolder('replace');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  for (const path of [key, certificate]) writeFileSync(path, 'old');
  chownSync(folder, NOBODY, NOBODY);
  chownSync(key, NOBODY, NOBODY);
  chownSync(certificate, NOBODY, OTHERS);
  chmodSync(certificate, 0o640);
  const replace = (): void => replaceFiles([{ path: key, content: 'new', mode: 0o600 }, { path: certificate, content: 'new', mode: 0o644 }]);
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    t.throws(replace, { code: 'file', message: `${certificate} belongs to user ${NOBODY} and group ${OTHERS}, which its successor cannot be given; it is not replaced` });
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
  t.same([readFileSync(key, 'utf8'), readFileSync(certificate, 'utf8')], ['old', 'old'], 'nor is any of the others');
  t.same(readdirSync(folder).sort(), ['cert.pem', 'key.pem'], 'and nothing is left behind');
  replace();
  t.same([readFileSync(key, 'utf8'), readFileSync(certificate, 'utf8')], ['new', 'new']);
  const { uid, gid, mode } = statSync(certificate);
  t.same([uid, gid, mode & 0o777], [NOBODY, OTHERS, 0o640], 'root can');
  t.end();
});
