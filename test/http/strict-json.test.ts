import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { JsonError, parseStrictJson } from '../../src/strict-json.ts';

const refuses = (t: Test, text: string, name: string): void => void t.throws(() => parseStrictJson(text), { name: 'JsonError' }, name);

t.test('takes what JSON.parse takes', (t) => {
  for (const text of ['{}', '[]', '1', '"a"', 'null', '{"a":{"a":1},"b":[{"a":1},{"a":2}]}', '{"a":"b","c":"b"}', '{"a:b":"{\\"a\\":1,\\"a\\":2}"}', '[":",":"]', '{"":1}', ' {"a" : "\\\\" , "b" : "\\"" } ']) {
    t.strictSame(parseStrictJson(text), JSON.parse(text), text);
  }
  t.end();
});

t.test('refuses what JSON.parse lets through', (t) => {
  refuses(t, '{"a":1,"a":2}', 'a member twice');
  refuses(t, '{"a":1,"b":{},"a":2}', 'with an object between');
  refuses(t, '{"a":1,"\\u0061":2}', 'in two spellings');
  refuses(t, '[[{"x":{"a":1,"a":1}}]]', 'deep inside');
  refuses(t, '{"__proto__":1}', '__proto__');
  refuses(t, '{"\\u005f_proto__":1}', '__proto__ escaped');
  refuses(t, '\ufeff{}', 'a byte order mark');
  refuses(t, '['.repeat(17) + ']'.repeat(17), '17 deep');
  refuses(t, '['.repeat(100_000), '100,000 deep');
  refuses(t, '{"a', 'an open string');
  refuses(t, '{"\\', 'a lone backslash');
  t.strictSame(parseStrictJson('['.repeat(16) + ']'.repeat(16)), JSON.parse('['.repeat(16) + ']'.repeat(16)), '16 deep is taken');
  t.end();
});

const corpus = join(process.env['CHANCERY_CORPORA'] ?? '../shared/corpora', 'jsontestsuite', 'test_parsing');

t.test('JSONTestSuite', { skip: existsSync(corpus) ? false : 'the corpus is not here' }, (t) => {
  /** Accepted by the suite, refused here by intent. */
  const stricter = new Set(['y_object_duplicated_key.json', 'y_object_duplicated_key_and_value.json']);
  for (const file of readdirSync(corpus)) {
    const text = readFileSync(join(corpus, file), 'utf8');
    let accepted = true;
    try {
      parseStrictJson(text);
    } catch (error) {
      accepted = false;
      if (!(error instanceof JsonError)) t.fail(`${file}: ${String(error)}`);
    }
    if (file.startsWith('y_')) t.equal(accepted, !stricter.has(file), file);
    // Bytes that are no UTF-8 are replaced before a text reaches the parser, which then sees a fine string.
    if (file.startsWith('n_') && !text.includes('\ufffd')) t.notOk(accepted, file);
  }
  t.end();
});
