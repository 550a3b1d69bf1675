import t from 'tap';
import { progressLine, startProgress } from '../../src/cli/progress.ts';
import { reportFailure } from '../../src/cli/report-failure.ts';
import { fields, painter, printable, showSpan, showTime, showTimeFrom, table } from '../../src/cli/text.ts';
import { Failure } from '../../src/client/failure.ts';
import { ProblemFailure, toProblem } from '../../src/client/problem.ts';
import { setTimeout as sleep } from 'node:timers/promises';

const plain = (_style: unknown, text: string): string => text;

function collector(isTTY: boolean, env: Record<string, string> = {}) {
  const written: string[] = [];
  const output = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  return { written, context: { stdout: output, stderr: output, env, now: Date.now } };
}

t.test('what came from elsewhere cannot steer the terminal', async (t) => {
  t.equal(printable('a\u001b[2Jb\r\n\u202ec\u0085'), 'a\\u{1b}[2Jb\\u{d}\\u{a}\\u{202e}c\\u{85}');
  t.equal(printable('Zoë 日本'), 'Zoë 日本');
});

t.test('tables are aligned, and end without spaces', async (t) => {
  t.equal(table(['ID', 'STATE', 'NAMES'], [['1', 'issued', 'a.example'], ['22', 'x', '']], plain), 'ID  STATE   NAMES\n1   issued  a.example\n22  x\n');
});

t.test('fields are aligned, and what is not there is left out', async (t) => {
  t.equal(fields([['id', '1'], ['longer', undefined], ['state', 'x\ny']], plain), 'id      1\nstate   x\\u{a}y\n');
});

t.test('times and spans', async (t) => {
  const now = Date.parse('2026-11-23T13:18:54Z');
  t.equal(showTime('2026-11-23T13:18:54.123Z'), '2026-11-23 13:18 UTC');
  t.equal(showTime(undefined), '-');
  t.equal(showTime('soon\u001b'), 'soon\\u{1b}');
  t.equal(showTimeFrom(now, '2026-12-23T13:18:54Z'), '2026-12-23 13:18 UTC (in 30 days)');
  t.equal(showTimeFrom(now, '2026-11-23T12:18:53Z'), '2026-11-23 12:18 UTC (1 hour ago)');
  for (const [seconds, text] of [[0, '0 seconds'], [1, '1 second'], [119, '1 minute'], [86_400, '1 day'], [700 * 86_400, '700 days'], [1000 * 86_400, '2 years']] as const) t.equal(showSpan(seconds), text);
});

t.test('colour is for terminals that want it', async (t) => {
  t.equal(painter(collector(true).context)('red', 'x'), '\u001b[31mx\u001b[39m');
  t.equal(painter(collector(true, { NO_COLOR: '1' }).context)('red', 'x'), 'x');
  t.equal(painter(collector(true, { NO_COLOR: '' }).context)('red', 'x'), '\u001b[31mx\u001b[39m');
  t.equal(painter(collector(true, { TERM: 'dumb' }).context)('red', 'x'), 'x');
  t.equal(painter(collector(false).context)('red', 'x'), 'x');
});

t.test('progress shows after a second, on a terminal, and clears its line', async (t) => {
  const { written, context } = collector(true);
  let now = 0;
  const progress = startProgress({ ...context, now: () => now }, 'verifying');
  await sleep(200);
  t.same(written, []);
  now = 1500;
  progress.update('line 5 of 10', 5, 10);
  await sleep(200);
  t.match(written.at(-1), /\[#{12}\.{12}\] 50% line 5 of 10 1 s$/);
  progress.end();
  t.equal(written.at(-1), '\r\u001b[K');
  t.equal(progressLine({ label: 'x'.repeat(200), done: undefined, total: undefined, frame: 1, seconds: 3 }, 40).length, 39, 'never wraps');
});

t.test('elsewhere it writes nothing', async (t) => {
  const { written, context } = collector(false);
  let now = 0;
  const progress = startProgress({ ...context, now: () => now }, 'verifying');
  now = 5000;
  await sleep(200);
  progress.end();
  t.same(written, []);
});

t.test('a failure is one line, with a line for each further fault', async (t) => {
  const { written, context } = collector(false);
  t.equal(reportFailure(context, new Failure('file', 'a is there.', { advice: 'remove it', more: ['b', 'c\u001b'] })), 1);
  t.equal(written.join(''), 'chancery: a is there; remove it\n  b\n  c\\u{1b}\n');
  t.equal(reportFailure(context, new Failure('usage', 'x')), 2);
});

t.test('a problem with one fault is one line, with several a line for each', async (t) => {
  const one = new ProblemFailure(toProblem(403, {
    type: 'urn:chancery:error:request-refused', title: 'Refused', status: 403, detail: 'Refused: names: not yours',
    errors: [{ code: 'step-names', detail: 'not yours', at: 'names' }],
  }));
  t.match(one, { message: 'Refused: names: not yours', more: [], problemCode: 'request-refused' });
  t.strictSame(one.more, []);
  const several = new ProblemFailure(toProblem(400, {
    title: 'The body is invalid', status: 400, detail: 'The body is invalid: /a x; /b y', errors: [{ detail: 'x', at: '/a' }, { detail: 'y', at: '/b' }],
  }));
  t.strictSame([several.message, ...several.more], ['The body is invalid', '/a: x', '/b: y']);
  const none = new ProblemFailure(toProblem(502, '<html>'));
  t.match(none, { message: 'the service answered 502', problemCode: 'unknown', status: 502 });
});
