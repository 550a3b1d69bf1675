import { join } from 'node:path';
import t from 'tap';
import { buildProgram } from '../../src/cli/program.ts';
import { commandsOf } from './commands.ts';
import { runCli, runHere } from './run-cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const quiet = { write: () => {} };
const COMMANDS = commandsOf(buildProgram({ stdout: quiet, stderr: quiet, env: {}, now: Date.now })).map(({ path }) => path.join(' '));

const cwd = temporaryFolder('usage');

t.test('every command explains itself, with examples and --json', async (t) => {
  t.ok(COMMANDS.length > 45);
  for (const command of COMMANDS) {
    const { status, stdout, stderr } = await runHere([...command.split(' '), '--help']);
    t.equal(status, 0, command);
    t.equal(stderr, '', `${command}: nothing on standard error`);
    t.match(stdout, `Usage: chancery ${command}`);
    t.match(stdout, /\nExamples:\n {2}# .+\n {2}(docker swarm ca > old-root.pem\n {2})?(\S+=\S+ )*(17 \* \* \* \* {2}root {2})?chancery /, `${command}: examples`);
    t.match(stdout, '--json', `${command}: --json`);
    t.notMatch(stdout, 'default: []', `${command}: no default that says nothing`);
  }
});

t.test('the program lists its commands', async (t) => {
  const { status, stdout } = await runHere(['--help']);
  t.equal(status, 0);
  for (const command of COMMANDS) t.match(stdout, new RegExp(`^ {2}${command.split(' ')[0]}\\b`, 'm'), command);
});

t.test('help names a command, too', async (t) => {
  const { status, stdout } = await runHere(['help', 'enroll']);
  t.equal(status, 0);
  t.match(stdout, 'Usage: chancery enroll');
});

t.test('the version is that of the package', async (t) => {
  const { status, stdout } = await runCli(['--version'], { cwd });
  t.equal(status, 0);
  t.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

const WRONG: readonly (readonly [what: string, args: readonly string[], line: string])[] = [
  ['no command', [],
    'chancery: a command is missing; expected \'chancery\' and one of init, serve, enroll, renew, token, attestations, key, eab, acme, swarm, requests, certificates, names, authority, crl, audit, docker-authz, revoke, backup, restore, doctor; \'chancery --help\' tells more\n'],
  ['no command of a group', ['token'],
    'chancery: a command is missing; expected \'chancery token\' and one of create, list, revoke; \'chancery token --help\' tells more\n'],
  ['an unknown command', ['tokn'], 'chancery: unknown command \'tokn\'; did you mean token? \'chancery --help\' tells more\n'],
  ['an unknown command of a group', ['certificates', 'lst'], 'chancery: unknown command \'lst\'; did you mean list? \'chancery certificates --help\' tells more\n'],
  ['an unknown option', ['token', 'list', '--limt', '3'], 'chancery: unknown option \'--limt\'; did you mean --limit? \'chancery token list --help\' tells more\n'],
  ['an unknown option where another is missing', ['token', 'create', '--nme', 'x'], 'chancery: unknown option \'--nme\'; did you mean --name? \'chancery token create --help\' tells more\n'],
  ['an unknown option that is near to none', ['doctor', '--zzzzzzzz'], 'chancery: unknown option \'--zzzzzzzz\'; \'chancery doctor --help\' tells more\n'],
  ['a missing option', ['token', 'create'], 'chancery: required option \'--name <pattern...>\' not specified; \'chancery token create --help\' tells more\n'],
  ['a missing argument', ['certificates', 'release'], 'chancery: missing required argument \'serial\'; \'chancery certificates release --help\' tells more\n'],
  ['an argument too many', ['token', 'list', 'all'], 'chancery: too many arguments for \'list\'; expected 0 arguments but got 1; \'chancery token list --help\' tells more\n'],
  ['a value that is no duration', ['token', 'create', '--name', 'x', '--ttl', 'soon'],
    'chancery: option \'--ttl <duration>\' argument \'soon\' is invalid; expected a number and one of s, m, h, d, w, y, such as 24h; \'chancery token create --help\' tells more\n'],
  ['a value that is no number', ['token', 'list', '--limit', 'all'],
    'chancery: option \'--limit <n>\' argument \'all\' is invalid; expected a whole number from 1 to 1000000; \'chancery token list --help\' tells more\n'],
  ['a value that is not of the list', ['revoke', '0a', '--reason', 'lost'],
    'chancery: option \'--reason <reason>\' argument \'lost\' is invalid; allowed choices are unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold, privilegeWithdrawn; \'chancery revoke --help\' tells more\n'],
  ['a serial that is none', ['certificates', 'show', 'xyz'],
    'chancery: \'xyz\' is invalid for argument \'serial\'; expected a serial number: at most 40 hex digits, with or without colons; \'chancery certificates show --help\' tells more\n'],
  ['a time that is none', ['requests', 'list', '--since', 'yesterday'],
    'chancery: option \'--since <time>\' argument \'yesterday\' is invalid; expected a date, an ISO 8601 time, or a span such as 7d; \'chancery requests list --help\' tells more\n'],
  ['an anchor that is none', ['audit', 'verify', '--anchor', '5'],
    'chancery: option \'--anchor <sequence:hash>\' argument \'5\' is invalid; expected a line\'s number, a colon and its hash of 64 hex digits; \'chancery audit verify --help\' tells more\n'],
  ['a certificate without its key', ['token', 'list', '--cert', 'x.pem', '--ca', 'x.pem'], 'chancery: --cert is given alone; give --cert and --key together\n'],
  ['no address to enroll at', ['enroll', '--name', 'a.example', '--token', 'x'], 'chancery: the service\'s address is missing; give it with --url or CHANCERY_URL\n'],
  ['an address without TLS', ['enroll', '--name', 'a.example', '--token', 'x', '--url', 'http://ca'],
    'chancery: the service\'s address \'http://ca\' is not https (http); expected an https address such as https://ca.example.com:8443\n'],
  ['an Engine\'s address that nothing is done with', ['enroll', '--name', 'a.example', '--url', 'ca', '--token', 'x', '--docker-host', 'docker1'], 'chancery: --docker-host goes with --layout bundle\n'],
  ['no token to enroll with', ['enroll', '--name', 'a.example', '--url', 'ca'],
    'chancery: the enrolment token is missing; give it with --token, --token-file or CHANCERY_TOKEN; \'chancery token create\' makes one\n'],
  ['a token that is none', ['enroll', '--name', 'a.example', '--url', 'ca', '--token', 'CHYTKN-1-abc'],
    'chancery: the enrolment token is malformed; expected CHYTKN-1-<root digest>-<id>-<secret>, as \'chancery token create\' printed it\n'],
  ['an option whose value was an empty variable', ['enroll', '--url', 'ca', '--token', '--name', 'a.example'], 'chancery: option \'--token\' has no value before \'--name\'; is the variable that should give it empty?\n'],
  ['the same of several values', ['token', 'create', '--name', '--ttl', '1h'], 'chancery: option \'--name\' has no value before \'--ttl\'; is the variable that should give it empty?\n'],
  ['two sources to restore from', ['restore', '--from', 'embedded:store', 'a.backup'], 'chancery: a file and --from are both given; expected either a backup or --from with the address of a store\n'],
  ['no source to restore from', ['restore'], 'chancery: a file or --from is missing; expected either a backup or --from with the address of a store\n'],
  ['import with what was settled before', ['init', '--import', 'chain.pem', '--root-subject', 'CN=X'],
    'chancery: --import and --root-subject do not go together; expected --import with --root and --data alone: all else was settled when the CSR was made\n'],
];

for (const [what, args, line] of WRONG) {
  t.test(`wrong usage is one line and exit status 2: ${what}`, async (t) => {
    const { status, stdout, stderr } = await runHere(args);
    t.equal(stderr, line);
    t.equal(stdout, '');
    t.equal(status, 2);
  });
}

t.test('a process of its own says the same, and ends with the status', async (t) => {
  const [, [, args, line]] = WRONG as [unknown, (typeof WRONG)[number]];
  t.strictSame(await runCli(args, { cwd }), { status: 2, stdout: '', stderr: line });
  const help = await runCli(['token', 'create', '--help'], { cwd });
  t.strictSame(help, await runHere(['token', 'create', '--help']));
  t.equal(help.status, 0);
});

t.test('without a data folder, operator commands say what they lack', async (t) => {
  const { status, stdout, stderr } = await runCli(['token', 'list'], { cwd });
  t.equal(status, 1);
  t.equal(stdout, '');
  t.equal(stderr, `chancery: no root certificate to trust the service by: ${join(cwd, 'chancery-data', 'root.pem')} does not exist; give it with --ca FILE, or the data folder with --data\n`);
});

t.test('an API key that is none is not repeated', async (t) => {
  const { status, stderr } = await runCli(['token', 'list', '--ca', new URL(import.meta.url).pathname], { cwd, env: { CHANCERY_API_KEY: 'CHYKEY-1-secret\nx' } });
  t.equal(status, 1);
  t.notMatch(stderr, 'secret');
});

t.test('where nothing is a terminal, nothing is coloured', async (t) => {
  for (const args of [['--help'], ['doctor']]) {
    const { stdout, stderr } = await runCli(args, { cwd, env: { FORCE_COLOR: '', TERM: 'xterm-256color' } });
    t.notMatch(stdout + stderr, '\u001b');
  }
});
