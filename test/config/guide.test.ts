import { readFileSync } from 'node:fs';
import t from 'tap';
import { variableName } from '../../src/config/environment.ts';
import { configurationGuide } from '../../src/config/guide.ts';
import { ConfigSchema } from '../../src/config/schema.ts';
import { leavesOf, type SchemaNode } from '../../src/config/schema-node.ts';
import { BUILT_IN_PROFILES } from '../../src/policy/profile.ts';
import { repositoryFile } from '../repository.ts';

const committed = readFileSync(repositoryFile('docs/configuration.md'), 'utf8');

t.test('the committed guide is the one of the code', async (t) => {
  t.equal(committed, configurationGuide(), 'npm run schemas writes it anew');
});

t.test('every setting has a row of its own, with its variable, its default and what it is for', async (t) => {
  for (const { path, node } of leavesOf(ConfigSchema as unknown as SchemaNode)) {
    const [, type, byDefault, about, ...more] = (committed.split('\n').find((line) => line.startsWith(`| \`${path.join('.')}\`<br>\`${variableName(path)}\` |`)) ?? '').split(/(?<!\\) \| ?/);
    t.ok(type, path.join('.'));
    t.equal(byDefault?.startsWith('`'), node.default !== undefined, `${path.join('.')}: default`);
    t.ok((about ?? '').length > 10, `${path.join('.')}: description`);
    t.same(more, [''], `${path.join('.')}: four columns`);
  }
});

t.test('what a check or a rule is told is there too, and the profiles that are built in', async (t) => {
  for (const row of ['| `limit` | number, 1 or more | required |', '| `windows[].from` | text | required |', '| `oidc.issuers.<name>.rules[].maxValidity` | duration |', '| `attestation.aws.certificates.<name>`<br>']) {
    t.ok(committed.includes(row), row);
  }
  for (const name of Object.keys(BUILT_IN_PROFILES)) t.ok(committed.includes(`| \`${name}\` | \`{`), name);
});
