import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { readAnswer } from '../../src/eligibility/webhook/answer.ts';
import { webhook } from '../../src/eligibility/webhook/ask.ts';
import { questionBody } from '../../src/eligibility/webhook/question.ts';
import { signatureOf } from '../../src/eligibility/webhook/signature.ts';
import type { Question } from '../../src/policy/eligibility.ts';
import { compileNamePattern } from '../../src/policy/name-pattern.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { repositoryFile } from '../repository.ts';
import { webhookFiles } from './webhook-server.ts';

const GUIDE = readFileSync(repositoryFile('docs/eligibility.md'), 'utf8');
const blocks = (language: string): string[] => [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
const folder = temporaryFolder('guide');

const SECRET = '0123456789abcdef0123456789abcdef';
const BODY = Buffer.from('{"reason":"Ünïcode"}');
/** A question about nothing in particular. */
const QUESTION: Question = {
  requester: { kind: 'enrolment-token', name: 'x' }, operator: false, profile: 'server', names: [{ kind: 'dns', value: 'a' }],
  key: { type: 'P-256', bits: 256, hash: 'ab' }, validity: 1, metadata: {}, time: 0, dryRun: false,
};
const TIMESTAMP = String(Math.floor(Date.now() / 1000));
const GOOD = { 'chancery-timestamp': TIMESTAMP, 'chancery-signature': signatureOf(SECRET, TIMESTAMP, BODY) };
const OLD = String(Number(TIMESTAMP) - 400);

/** What is genuine, and what only looks so. */
const CASES: readonly (readonly [what: string, genuine: boolean, secret: string, headers: Readonly<Record<string, string>>, body: string])[] = [
  ['what was sent', true, SECRET, GOOD, BODY.toString()],
  ['another body', false, SECRET, GOOD, '{}'],
  ['another secret', false, `${SECRET}0`, GOOD, BODY.toString()],
  ['another time', false, SECRET, { ...GOOD, 'chancery-timestamp': String(Number(TIMESTAMP) - 1) }, BODY.toString()],
  ['an old one', false, SECRET, { 'chancery-timestamp': OLD, 'chancery-signature': signatureOf(SECRET, OLD, BODY) }, BODY.toString()],
  ['no headers', false, SECRET, {}, BODY.toString()],
  ['half a signature', false, SECRET, { ...GOOD, 'chancery-signature': GOOD['chancery-signature'].slice(0, 40) }, BODY.toString()],
];

/** Runs the server that the guide shows, as it stands there, and says where it listens. */
async function serverOfGuide(t: Test, files: ReturnType<typeof webhookFiles>, machines: Readonly<Record<string, string>>): Promise<string> {
  const [program, secret, known] = ['cmdb.mjs', 'cmdb.secret', 'machines.json'].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(program, blocks('js')[0] ?? '');
  writeFileSync(secret, `${SECRET}\n`);
  writeFileSync(known, JSON.stringify(machines));
  const env = { PATH: process.env['PATH'], SECRET_FILE: secret, MACHINES_FILE: known, CERT_FILE: files('server.pem'), KEY_FILE: files('server.key'), PORT: '0' };
  const server = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => server.kill());
  const [line] = await once(server.stdout, 'data') as [Buffer];
  return `https://127.0.0.1:${/listening on (\d+)/.exec(line.toString())?.[1]}`;
}

t.test('the server in Node decides, about what is genuine alone', async (t) => {
  const files = webhookFiles();
  const url = await serverOfGuide(t, files, { 'node1.example.com': 'in use', 'node2.example.com': 'ordered', 'node3.example.com': 'gone' });
  t.ok((blocks('js')[0] ?? '').split('\n').length < 60);

  const endpoint = { name: 'cmdb', url, secret: SECRET, timeout: 5, ca: files('ca.pem') };
  const ask = webhook({ endpoint, told: () => undefined, report: (what) => t.fail(what) });
  const about = async (...names: string[]): Promise<unknown> => ask({ ...QUESTION, time: Date.now(), names: names.map((value) => ({ kind: 'dns', value })) }, []);
  t.same(await about('node1.example.com'), { decision: 'allow', reason: '' });
  t.same(await about('node1.example.com', 'node2.example.com'), { decision: 'wait', reason: 'node2.example.com is not there yet', retryAfter: 600 });
  t.same(await about('node2.example.com', 'constructor'), { decision: 'deny', reason: 'constructor is no machine of ours' });
  t.same(await about('node1.example.com', 'node3.example.com'), { decision: 'deny', reason: 'not in use' });

  const status = (secret: string, headers: Readonly<Record<string, string>>, body: string): Promise<number | undefined> => new Promise((resolve, reject) => {
    // The server has one secret: of another one there is another signature.
    const signed = secret === SECRET ? headers : { ...headers, 'chancery-signature': signatureOf(secret, headers['chancery-timestamp'] ?? '', Buffer.from(body)) };
    request(url, { method: 'POST', ca: readFileSync(files('ca.pem')), headers: signed, agent: false }, (response) => resolve(response.resume().statusCode)).on('error', reject).end(body);
  });
  // What is genuine and no question fails: nothing is decided then.
  for (const [what, genuine, secret, headers, body] of CASES) t.equal(await status(secret, headers, body), genuine ? 500 : 401, what);
});

const python = (() => {
  try {
    return execFileSync('python3', ['--version']) && false;
  } catch {
    return 'python3 is not on the PATH';
  }
})();

t.test('the lines in Python tell what is genuine', { skip: python }, async (t) => {
  const file = join(folder, 'genuine.py');
  writeFileSync(file, `${blocks('python')[0] ?? ''}\nimport json, sys\nprint(json.dumps([is_genuine(secret, headers, body.encode()) for _, _, secret, headers, body in json.load(sys.stdin)]))\n`);
  t.same(JSON.parse(execFileSync('python3', [file], { input: JSON.stringify(CASES), encoding: 'utf8' })), CASES.map(([, genuine]) => genuine));
});

t.test('the answers that it shows are answers, and the question has the members that are sent', async (t) => {
  const [question = '', answers = ''] = blocks('json');
  for (const line of answers.trim().split('\n')) t.ok(readAnswer(Buffer.from(line)), line);
  const sent = JSON.parse(questionBody('cmdb', QUESTION, [{ name: 'names', outcome: 'passed', reason: '' }]).toString());
  const shapeOf = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return typeof value;
    if (Array.isArray(value)) return value.map(shapeOf);
    return Object.entries(value).filter(([name]) => name !== 'metadata').map(([name, member]) => [name, shapeOf(member)]);
  };
  t.same(shapeOf(JSON.parse(question)), shapeOf(sent));
});

t.test('its configurations can be loaded', async (t) => {
  const [whole = '', ...parts] = blocks('yaml');
  const load = (name: string, text: string): object => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, text, { mode: 0o600 });
    return loadConfig({ file, env: { CHANCERY_WEBHOOKS__CMDB__SECRET: text.includes('webhooks:') ? SECRET : '' }, folder });
  };
  t.match(load('whole', whole), { eligibility: { length: 9 }, webhooks: { cmdb: { timeout: 5 } } });
  for (const [at, part] of parts.entries()) {
    const [step = '', rest = ''] = part.split(/(?=^webhooks:)/m);
    t.match(load(`part${at}`, `eligibility:\n  - key\n  - names\n  - profile\n${step.replace(/^/gm, '  ')}\n${rest}`), { eligibility: { length: 4 } }, step);
  }
  const patterns = [...(/## Names by rule\n(.*?)\n- \*\*/s.exec(GUIDE)?.[1] ?? '').matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`(.*?)`/g)].map(([, text = '']) => text));
  t.ok(patterns.length > 10);
  for (const pattern of patterns) t.ok(compileNamePattern(pattern), pattern);
});
