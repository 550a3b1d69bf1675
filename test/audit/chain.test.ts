import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { EMPTY_CHAIN, canonicalJson, hashOf, link, parseLine } from '../../src/audit/chain.ts';
import type { AuditDraft } from '../../src/audit/entry.ts';

const draft: AuditDraft = { time: 1_790_000_000_000, event: 'certificate.issued', actor: 'api-key:deployer', subject: '34ab', details: { profile: 'server', names: ['b', 'a'], notAfter: 17 } };

t.test('canonical JSON sorts members by their code units and has no spaces', async (t) => {
  t.equal(canonicalJson({ b: 1, a: [true, null, 'x'], A: { z: '', y: 0.1 } }), '{"A":{"y":0.1,"z":""},"a":[true,null,"x"],"b":1}');
  // The sorting example of RFC 8785 3.2.3.
  const sorted = canonicalJson({ '\u20ac': 'Euro', '\r': 'CR', '\ufb33': 'Dalet', '1': 'One', '\u{1f600}': 'Smiley', '\u0080': 'Control', '\u00f6': 'o' });
  t.same(Object.values(JSON.parse(sorted) as object).length, 7);
  t.same(sorted.match(/:"(\w+)"/g), [':"CR"', ':"One"', ':"Control"', ':"o"', ':"Euro"', ':"Smiley"', ':"Dalet"']);
});

t.test('members that are undefined are left out, as if they were not there', async (t) => {
  t.equal(canonicalJson({ a: undefined, b: 1 }), canonicalJson({ b: 1 }));
});

t.test('a member called __proto__ is a member like others', async (t) => {
  t.equal(canonicalJson(JSON.parse('{"__proto__":1,"a":2}')), '{"__proto__":1,"a":2}');
});

t.test('a line is the canonical JSON of its entry, and its hash covers all else', async (t) => {
  const { line, head } = link(EMPTY_CHAIN, draft);
  const entry = parseLine(line);
  t.equal(line, canonicalJson(entry));
  t.same(entry, { ...draft, sequence: 1, previous: '0'.repeat(64), hash: head.hash });
  // By hand, with nothing of ours.
  const preimage = '{"actor":"api-key:deployer","details":{"names":["b","a"],"notAfter":17,"profile":"server"},"event":"certificate.issued",' +
    `"previous":"${'0'.repeat(64)}","sequence":1,"subject":"34ab","time":1790000000000}`;
  t.equal(head.hash, createHash('sha256').update(preimage).digest('hex'));
  t.same(head, { sequence: 1, hash: hashOf(entry) });
});

t.test('each line carries the hash of the one before', async (t) => {
  const first = link(EMPTY_CHAIN, draft);
  const second = link(first.head, { ...draft, subject: 'other' });
  t.equal(parseLine(second.line).previous, first.head.hash);
  t.equal(second.head.sequence, 2);
});

t.test('any draft makes a line that reads back and gives its hash', async (t) => {
  const text = fc.string({ unit: 'binary' });
  const details = fc.dictionary(text, fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.array(text)));
  fc.assert(fc.property(text, text, fc.option(details, { nil: undefined }), (actor, subject, more) => {
    const { line, head } = link(EMPTY_CHAIN, { time: 5, event: 'request.denied', actor, subject, ...(more === undefined ? {} : { details: more }) });
    const entry = parseLine(line);
    return canonicalJson(entry) === line && hashOf(entry) === head.hash && entry.subject === subject && entry.actor === actor;
  }));
});
