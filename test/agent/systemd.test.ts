import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { unitName, unitsFor } from '../../src/agent/systemd.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const base = { user: false, name: 'chancery-renew-etc-tls', command: ['/usr/bin/node', '/opt/chancery/bin/chancery.mjs', 'renew', '--out', '/etc/tls'], writable: ['/etc/tls'] };

t.test('a daemon is a service that may write to its folders alone', async (t) => {
  const [unit, ...more] = unitsFor({ ...base, kind: 'daemon' });
  t.same(more, []);
  t.equal(unit?.file, 'chancery-renew-etc-tls.service');
  for (const line of [
    'Type=exec', 'ExecStart=/usr/bin/node /opt/chancery/bin/chancery.mjs renew --out /etc/tls', 'ExecReload=/bin/kill -HUP $MAINPID', 'Restart=always', 'NoNewPrivileges=yes', 'ProtectSystem=strict',
    'ReadWritePaths=/etc/tls', 'StateDirectory=chancery-agent', 'CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL', 'WantedBy=multi-user.target',
  ]) t.ok(unit?.text.split('\n').includes(line), line);
  t.notMatch(unit?.text, /MemoryDenyWriteExecute/, 'Node compiles as it runs');
});

t.test('a timer starts a service that looks once', async (t) => {
  const [service, timer] = unitsFor({ ...base, kind: 'timer' });
  t.match(service?.text, /^Type=oneshot$/m);
  t.notMatch(service?.text, /\[Install\]|Restart=/);
  t.equal(timer?.file, 'chancery-renew-etc-tls.timer');
  for (const line of ['OnCalendar=hourly', 'RandomizedDelaySec=1h', 'Persistent=true', 'WantedBy=timers.target']) t.ok(timer?.text.split('\n').includes(line), line);
});

t.test('a user\'s own service asks for nothing that takes rights', async (t) => {
  const [unit] = unitsFor({ ...base, kind: 'daemon', user: true });
  t.match(unit?.text, /^NoNewPrivileges=yes$/m);
  t.match(unit?.text, /^WantedBy=default.target$/m);
  t.notMatch(unit?.text, /ProtectSystem|ReadWritePaths|Capability/);
});

t.test('words with a meaning for systemd are words', async (t) => {
  const [unit] = unitsFor({ ...base, kind: 'daemon', command: ['/usr/bin/node', 'x.mjs', '--exec', 'echo "$HOME" 100% \\ \'a\''], writable: ['/etc/my tls'] });
  t.match(unit?.text, 'ExecStart=/usr/bin/node x.mjs --exec "echo \\"$$HOME\\" 100%% \\\\ \'a\'"\n');
  t.match(unit?.text, 'ReadWritePaths="/etc/my tls"\n');
});

t.test('each folder has a name of its own', async (t) => {
  t.equal(unitName('/etc/nginx/tls'), 'chancery-renew-etc-nginx-tls');
  const names = ['/etc/nginx/tls', '/etc/nginx-tls', '/etc/nginx tls', `/${'a'.repeat(300)}`, `/${'a'.repeat(301)}`].map(unitName);
  t.equal(new Set(names).size, 5);
  for (const name of names) t.match(name, /^[A-Za-z0-9.-]{1,130}$/);
});

t.test('systemd takes them', { skip: existsSync('/usr/bin/systemd-analyze') ? false : 'there is no systemd-analyze here' }, async (t) => {
  const folder = temporaryFolder('units');
  mkdirSync(join(folder, 'my tls'));
  const command = [process.execPath, join(folder, 'x.mjs'), '--exec', 'echo "$HOME" 100% \\ \'a\''];
  for (const kind of ['daemon', 'timer'] as const) {
    const units = unitsFor({ ...base, kind, name: `chancery-test-${kind}`, command, writable: [join(folder, 'my tls')] });
    for (const { file, text } of units) writeFileSync(join(folder, file), text);
    const said = execFileSync('systemd-analyze', ['verify', '--man=no', ...units.map(({ file }) => join(folder, file))], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    t.equal(said, '');
  }
});
