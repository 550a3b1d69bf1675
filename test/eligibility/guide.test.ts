import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { readAnswer } from '../../src/eligibility/webhook/answer.ts';
import { questionBody } from '../../src/eligibility/webhook/question.ts';
import { signatureOf } from '../../src/eligibility/webhook/signature.ts';
import { compileNamePattern } from '../../src/policy/name-pattern.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { repositoryFile } from '../repository.ts';

const GUIDE = readFileSync(repositoryFile('docs/eligibility.md'), 'utf8');
const blocks = (language: string): string[] => [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
const folder = temporaryFolder('guide');

const SECRET = '0123456789abcdef0123456789abcdef';
const BODY = Buffer.from('{"reason":"Ünïcode"}');
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

t.test('the lines in Node tell what is genuine', async (t) => {
  const file = join(folder, 'genuine.mjs');
  writeFileSync(file, blocks('js')[0] ?? '');
  const { isGenuine } = await import(pathToFileURL(file).href) as { isGenuine: (secret: string, headers: object, body: Buffer) => boolean };
  for (const [what, genuine, secret, headers, body] of CASES) t.equal(isGenuine(secret, headers, Buffer.from(body)), genuine, what);
});

const python = (() => {
  try {
    return execFileSync('python3', ['--version']) && false;
  } catch {
    return 'python3 is not on the PATH';
  }
})();

t.test('so do those in Python', { skip: python }, async (t) => {
  const file = join(folder, 'genuine.py');
  writeFileSync(file, `${blocks('python')[0] ?? ''}\nimport json, sys\nprint(json.dumps([is_genuine(secret, headers, body.encode()) for _, _, secret, headers, body in json.load(sys.stdin)]))\n`);
  t.same(JSON.parse(execFileSync('python3', [file], { input: JSON.stringify(CASES), encoding: 'utf8' })), CASES.map(([, genuine]) => genuine));
});

t.test('the answers that it shows are answers, and the question has the members that are sent', async (t) => {
  const [question = '', answers = ''] = blocks('json');
  for (const line of answers.trim().split('\n')) t.ok(readAnswer(Buffer.from(line)), line);
  const sent = JSON.parse(questionBody('cmdb', {
    requester: { kind: 'enrolment-token', name: 'x' }, operator: false, profile: 'server', names: [{ kind: 'dns', value: 'a' }], key: { type: 'P-256', bits: 256, hash: 'ab' }, validity: 1, metadata: {}, time: 0, dryRun: false,
  }, [{ name: 'names', outcome: 'passed', reason: '' }]).toString());
  const shapeOf = (value: unknown): unknown => (typeof value !== 'object' || value === null ? typeof value : Array.isArray(value) ? value.map(shapeOf) : Object.entries(value).filter(([name]) => name !== 'metadata').map(([name, member]) => [name, shapeOf(member)]));
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
