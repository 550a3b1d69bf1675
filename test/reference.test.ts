import { readFileSync } from 'node:fs';
import t from 'tap';

/** The texts of a union of literals in a source file. */
function unionOf(file: string, name: string): string[] {
  const [, body = ''] = new RegExp(`export type ${name} =([^;]*);`).exec(readFileSync(file, 'utf8')) ?? [];
  return Array.from(body.matchAll(/'([^']+)'/g), ([, text = '']) => text);
}

const guide = readFileSync('docs/reference.md', 'utf8');

/** What stands in the first column below a heading. */
function listed(heading: string): string[] {
  const section = guide.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return section.split('\n').filter((line) => line.startsWith('| `')).flatMap((line) => Array.from((line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g), ([, text = '']) => text));
}

t.test('every error code is listed, with its status', async (t) => {
  const codes = unionOf('src/errors.ts', 'ErrorCode');
  t.ok(codes.length > 20);
  t.same(listed('Error codes').toSorted(), codes.toSorted());
  const problems = readFileSync('src/http/problem.ts', 'utf8');
  for (const code of codes) {
    const [, status = 'none'] = new RegExp(`^  '?${code}'?: \\[(\\d{3}),`, 'm').exec(problems) ?? [];
    t.ok(guide.includes(`| \`${code}\` | ${status} |`), `${code} ${status}`);
  }
});

t.test('every event of the audit log is listed', async (t) => {
  const events = unionOf('src/audit/entry.ts', 'AuditEvent');
  t.ok(events.length > 20);
  t.same(listed('Events').toSorted(), events.toSorted());
});
