import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MAIN, cleanEnvironment, runHere } from './run-cli.ts';
import { type RunningService, startService } from './service.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const ROOT = process.geteuid?.() === 0;
/** Certificates are dated back by a minute: one of forty seconds is due within a few. */
const SHORT = '40s';
const LATE = 40_000;

interface Said {
  readonly event: string;
  readonly level: string;
  readonly message: string;
  readonly certificate?: string;
}

/** A daemon in a process of its own. */
function startDaemon(t: Test, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'renew', '--daemon', '--json', ...args], { env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const said: Said[] = [];
  let text = '';
  let wrong = '';
  child.stdout?.on('data', (part: Buffer) => {
    text += String(part);
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) said.push(JSON.parse(line) as Said);
  });
  child.stderr?.on('data', (part: Buffer) => { wrong += String(part); });
  const ended = new Promise<number | null>((resolve) => { child.once('close', resolve); });
  const until = async (what: () => boolean, name: string): Promise<void> => {
    for (const begun = Date.now(); !what();) {
      if (Date.now() - begun > LATE) throw new Error(`${name} did not come: ${JSON.stringify(said)} ${wrong}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  };
  return {
    said, until,
    heard: (event: string, times = 1) => until(() => said.filter((one) => one.event === event).length >= times, event),
    send: (signal: NodeJS.Signals) => child.kill(signal),
    stop: () => { child.kill('SIGTERM'); return ended; },
    ended, wrong: () => wrong,
  };
}

const token = async (service: RunningService, name: string): Promise<string> =>
  (JSON.parse((await service.cli(['token', 'create', '--profile', 'node', '--name', name, '--json'])).stdout) as { token: string }).token;
const belong = (folder: string): boolean => new X509Certificate(readFileSync(join(folder, 'cert.pem'))).checkPrivateKey(createPrivateKey(readFileSync(join(folder, 'key.pem'))));

t.test('a daemon', { timeout: 110_000 }, async (t) => {
  const service = await startService();
  t.teardown(() => service.kill());
  const place = temporaryFolder('nodes');
  const enrolled = async (name: string, validity = SHORT): Promise<string> => {
    const folder = join(place, name);
    const done = await service.cli(['enroll', '--token', await token(service, `${name}.example.com`), '--name', `${name}.example.com`, '--out', folder, '--validity', validity]);
    if (done.status !== 0) throw new Error(done.stderr);
    return folder;
  };

  await t.test('renews again and again, keeps rights and owner, runs the command, writes metrics, and stops when it is told to', async (t) => {
    const folder = await enrolled('one');
    const log = join(place, 'commands');
    const metrics = join(place, 'metrics.prom');
    chmodSync(join(folder, 'key.pem'), 0o640);
    if (ROOT) for (const file of ['key.pem', 'cert.pem']) chownSync(join(folder, file), 12_345, 23_456);
    const first = readFileSync(join(folder, 'cert.pem'), 'utf8');
    const daemon = startDaemon(t, ['--out', folder, '--exec', `echo "$RENEWED_FOLDER" >> '${log}'`, '--metrics-file', metrics]);
    await daemon.heard('command', 2);
    t.not(readFileSync(join(folder, 'cert.pem'), 'utf8'), first);
    t.ok(belong(folder));
    t.equal(statSync(join(folder, 'key.pem')).mode & 0o7777, 0o640);
    if (ROOT) for (const file of ['key.pem', 'cert.pem']) t.same([statSync(join(folder, file)).uid, statSync(join(folder, file)).gid], [12_345, 23_456], `${file} is whose it was`);
    t.ok(readFileSync(log, 'utf8').split('\n').filter((line) => line === folder).length >= 2);
    await daemon.until(() => existsSync(metrics) && /last_renewal_seconds/.test(readFileSync(metrics, 'utf8')), 'metrics');
    t.match(readFileSync(metrics, 'utf8'), `chancery_agent_certificate_not_after_seconds{certificate="${join(folder, 'cert.pem')}",profile="node"} `);
    t.equal(await daemon.stop(), 0);
    t.match(daemon.said.at(-1), { event: 'stopped' });
    t.equal(daemon.wrong(), '');
    t.same(readdirSync(folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']);
  });

  await t.test('keeps the folders of a list, enrolls what is not there, and reads the list again', async (t) => {
    const [two, three] = [await enrolled('two'), join(place, 'three')];
    const list = join(place, 'list.yaml');
    writeFileSync(join(place, 'token'), await token(service, 'three.example.com'));
    writeFileSync(list, `certificates:\n  - folder: two\n`);
    const daemon = startDaemon(t, ['--file', list], { NODE_EXTRA_CA_CERTS: '' });
    await daemon.until(() => daemon.said.some(({ event, certificate }) => event === 'renewed' && certificate === join(two, 'cert.pem')), 'renewal of two');
    writeFileSync(list, 'certificates:\n  - folder: two\n    foldr: x\n');
    daemon.send('SIGHUP');
    await daemon.heard('not-reloaded');
    t.match(daemon.said.find(({ event }) => event === 'not-reloaded')?.message, /the previous one stays in force.*list\.yaml:3:5: certificates\[0\]\.foldr/);
    writeFileSync(list, JSON.stringify({ url: service.https, certificates: [{ folder: two }, { folder: 'three', names: ['three.example.com'], tokenFile: 'token', validity: '40s' }] }));
    daemon.send('SIGHUP');
    await daemon.heard('enrolled');
    t.ok(belong(three));
    await daemon.until(() => daemon.said.some(({ event, certificate }) => event === 'renewed' && certificate === join(three, 'cert.pem')), 'renewal of three');
    t.ok(belong(three));
    t.equal(await daemon.stop(), 0);
  });

  await t.test('a list may be looked at once', async (t) => {
    const list = join(place, 'once.yaml');
    mkdirSync(join(place, 'empty'));
    writeFileSync(join(place, 'token4'), await token(service, 'four.example.com'));
    writeFileSync(list, `url: ${service.https}\ncertificates:\n  - folder: empty\n  - folder: four\n    names: [four.example.com]\n    tokenFile: token4\n    exec: touch '${join(place, 'ran')}'\n`);
    const once = await runHere(['renew', '--file', list, '--json']);
    t.equal(once.status, 1);
    t.match(once.stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Said), [{ event: 'failed', message: /empty: nothing was enrolled/ }, { event: 'enrolled' }, { event: 'not-due' }]);
    t.ok(existsSync(join(place, 'ran')));
  });

  await t.test('is installed with the enrolment', async (t) => {
    const [folder, units] = [join(place, 'six'), temporaryFolder('units')];
    const args = ['enroll', '--url', service.https, '--token', await token(service, 'six.example.com'), '--name', 'six.example.com', '--out', folder, '--install', '--exec', 'true'];
    const dry = await runHere([...args, '--dry-run'], { env: { CHANCERY_UNIT_FOLDER: units } });
    t.match(dry, { status: 0, stdout: /ExecStart=.* renew --out .*six --exec true --daemon\n/ });
    t.notOk(existsSync(folder), 'nothing else was done');
    const done = await runHere([...args, '--json'], { env: { CHANCERY_UNIT_FOLDER: units } });
    t.equal(done.status, 0, done.stderr);
    t.match(JSON.parse(done.stdout), { profile: 'node' });
    t.match(done.stderr, /enable --now chancery-renew-/);
    t.equal(readdirSync(units).length, 1);
    t.match(await runHere(['enroll', '--name', 'x', '--exec', 'y']), { status: 2, stderr: /--exec goes with --install/ });
  });

  await t.test('hears of a campaign when it asks', async (t) => {
    const folder = await enrolled('seven', '1h');
    const begun = await service.cli(['certificates', 'renew-soon', '--profile', 'node', '--within', '1m', '--reason', 'keys in an image']);
    t.match(begun, { status: 0, stdout: /The certificates will be renewed[^]*reason +keys in an image/ });
    t.match((await service.cli(['certificates', 'campaigns'])).stdout, /profile node .*keys in an image/);
    t.match(await service.cli(['certificates', 'renew-soon', '--within', '1h', '--reason', 'x']), { status: 2, stderr: /nothing is selected/ });
    t.match(await service.cli(['certificates', 'renew-soon', '--all', '--profile', 'node', '--within', '1h', '--reason', 'x']), { status: 2, stderr: /--all is given together with a selection/ });
    // In the middle of its minute, as one look sees it.
    const later = Date.now() + 61_000;
    const looked = await runHere(['renew', '--out', folder, '--json'], { now: () => later });
    t.match(JSON.parse(looked.stdout), { certificates: [{ renewed: true }] });
    const [campaign] = (JSON.parse((await service.cli(['certificates', 'campaigns', '--json'])).stdout) as { items: { id: string }[] }).items;
    t.match(await service.cli(['certificates', 'campaigns', '--end', campaign?.id ?? '']), { status: 0, stdout: /The campaign is ended/ });
  });

  await t.test('waits for a service that is away, and says so', async (t) => {
    const folder = await enrolled('five');
    await service.stop();
    const daemon = startDaemon(t, ['--out', folder]);
    await daemon.heard('failed');
    t.match(daemon.said.find(({ event }) => event === 'failed'), { level: 'warn', message: /could not be renewed: service not reachable.*; it expires 20.*; next attempt 20/ });
    t.equal(await daemon.stop(), 0);
    t.ok(existsSync(join(folder, 'chancery-cert.pending.json')), 'the question is kept, and asked again with the same key');
  });
});

t.test('wrong usage is refused', async (t) => {
  const list = join(temporaryFolder('list'), 'list.yaml');
  const of = async (text: string) => {
    writeFileSync(list, text);
    return runHere(['renew', '--file', list]);
  };
  for (const [args, message] of [
    [['--daemon', '--force'], /--daemon and --force are both given/], [['--file', 'x', '--exec', 'y'], /--file and --exec/], [['--metrics-file', 'x'], /without --daemon/], [['--dry-run'], /--dry-run is given alone/],
    [['--install', '--daemon'], /--daemon and --install/], [['--install', 'cron'], /daemon, timer/],
  ] as const) t.match(await runHere(['renew', ...args]), { status: 2, stderr: message }, args.join(' '));
  for (const [text, message] of [
    ['certificates: []', /certificates/], ['certificates:\n  - {}', /folder is missing/], ['certificates:\n  - folder: a\n    tokenFile: t', /2:5: certificates\[0\] has a tokenFile, but no names/],
    ['certificates:\n  - folder: a\n    names: [a.example]', /has names, but no tokenFile/], ['certificates:\n  - folder: a\n  - folder: ./a\n    profile: server', /certificates\[1\]\.folder is that of certificates\[0\] too/],
    ['certificates:\n  - folder: a\n    url: http://ca', /https/], ['certificates:\n  - folder: a\n    keyType: DSA', /P-256/], ['x: 1', /x/], ['- a', /certificates/],
  ] as const) t.match(await of(text), { status: 1, stderr: message }, text);
  t.match((await of('x: 1')).stderr, `chancery: the list ${list} has 2 faults\n`, 'the file is named, and not taken for the configuration');
  t.match(await runHere(['renew', '--file', join(list, 'nothing')]), { status: 1, stderr: /cannot be read/ });
});

t.test('units are written, printed, and not over somebody else\'s', async (t) => {
  const [folder, units] = [temporaryFolder('tls'), temporaryFolder('units')];
  const env = { CHANCERY_UNIT_FOLDER: units };
  const dry = await runHere(['renew', '--out', folder, '--exec', 'systemctl reload nginx', '--install', '--dry-run'], { env });
  t.equal(dry.status, 0);
  t.match(dry.stdout, /ExecStart=.* renew --out .* --exec "systemctl reload nginx" --exec-limit 120 --daemon\n/);
  t.same(readdirSync(units), []);
  const written = await runHere(['renew', '--out', folder, '--install', 'timer', '--metrics-file', '/x'], { env });
  t.equal(written.status, 2, 'a timer has nothing to show');
  const done = await runHere(['renew', '--out', folder, '--install', 'timer'], { env });
  t.equal(done.status, 0);
  t.match(done.stdout, /is written\.\n.*is written\.\nStart it:\n  systemctl .*daemon-reload\n  systemctl .*enable --now chancery-renew-.*\.timer\n/);
  const files = readdirSync(units).sort();
  t.match(files, [/\.service$/, /\.timer$/]);
  t.equal((await runHere(['renew', '--out', folder, '--install', 'timer'], { env })).status, 0, 'its own are written anew');
  writeFileSync(join(units, files[0] ?? ''), '[Service]\n');
  t.match(await runHere(['renew', '--out', folder, '--install', 'timer'], { env }), { status: 1, stderr: /was not written by this command/ });
});
