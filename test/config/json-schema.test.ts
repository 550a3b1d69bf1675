import { readFileSync } from 'node:fs';
import t from 'tap';
import { Compile } from 'typebox/schema';
import { parse } from 'yaml';
import { exampleConfig } from '../../src/config/example.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { repositoryFile } from '../repository.ts';

t.test('the committed schema is the one of the code', async (t) => {
  t.same(JSON.parse(readFileSync(repositoryFile('openapi/config.schema.json'), 'utf8')), configJsonSchema(), 'npm run schemas writes it anew');
});

t.test('an editor with the schema takes what the service takes', async (t) => {
  const schema = Compile(configJsonSchema());
  const uncommented = exampleConfig().replace(/^( *)#(?=\S)/gm, '$1');
  for (const good of [parse(exampleConfig()), parse(uncommented), {}, { crl: { lifetime: 60 } }, { eligibility: ['key', { step: 'quota', limit: 1 }] }]) t.ok(schema.Check(good), JSON.stringify(good));
  for (const bad of [{ nothing: 1 }, { workers: '1' }, { crl: { lifetime: 'soon' } }, { eligibility: [{ step: 'quota' }] }, { profiles: { Server: {} } }]) t.notOk(schema.Check(bad), JSON.stringify(bad));
});
