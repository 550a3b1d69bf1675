import t from 'tap';
import { parseCertificationRequest, verifyPossession } from '../../src/x509/csr.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { pemOrDerOrBase64 } from '../../src/x509/pem.ts';
import { codeOf, LONGEST_MS, millisecondsOf } from './assert.ts';
import { corpusFile, corpusFolder, corpusTable, missing } from './corpora.ts';

/** What each file is refused with, by the parser or for want of possession. */
const REFUSED: Readonly<Record<string, X509ErrorCode>> = {
  'ber-nonminimal-len': 'non-minimal-length',
  'ber-trailing': 'trailing-bytes',
  'bomb-attrs-5000': 'unsupported-attribute',
  'bomb-nest-20': 'unexpected-tag',
  'bomb-nest-in-attr': 'unsupported-attribute',
  'bomb-nulls-100k': 'too-large',
  'bomb-oid-60k': 'bad-oid',
  'cn-bmp-odd': 'unsupported-string-type',
  'cn-bmp': 'unsupported-string-type',
  'cn-ip': 'common-name-is-address',
  'cn-printable-at': 'bad-string',
  'cn-universal-bad': 'unsupported-string-type',
  'cn-utf8-invalid': 'bad-string',
  'cn-utf8-overlong': 'bad-string',
  'empty': 'truncated',
  'ext-bool-false-explicit': 'default-encoded',
  'extreq-ms-and-pkcs9': 'unsupported-attribute',
  'extreq-twice': 'duplicate-attribute',
  'extreq-two-values': 'duplicate-attribute',
  'key-ec-infinity': 'bad-key',
  'key-ec-trunc': 'bad-key',
  'key-ec-zero': 'bad-key',
  'key-p192': 'unsupported-key',
  'key-p224': 'unsupported-key',
  'key-rsa-even': 'bad-signature',
  'key-rsa-huge-e': 'key-too-large',
  'key-rsa-neg': 'bad-integer',
  'key-rsa-square': 'bad-signature',
  'key-rsa-zero': 'bad-key',
  'len-7fffffff': 'truncated',
  'len-8byte': 'truncated',
  'rdn-multivalue': 'multi-valued-rdn',
  'san-20000': 'too-large',
  'san-ctrl': 'bad-dns-name',
  'san-dirname': 'unsupported-name-kind',
  'san-dotdot': 'bad-dns-name',
  'san-empty-seq': 'empty-list',
  'san-empty': 'bad-dns-name',
  'san-hyphen': 'bad-dns-name',
  'san-ip-v4mapped': 'bad-ip-address',
  'san-ip0': 'bad-ip-address',
  'san-ip3': 'bad-ip-address',
  'san-ip5': 'bad-ip-address',
  'san-ip8': 'bad-ip-address',
  'san-label64': 'bad-dns-name',
  'san-latin1': 'bad-string',
  'san-lead-dot': 'bad-dns-name',
  'san-long-64k': 'too-large',
  'san-newline': 'bad-dns-name',
  'san-othername-upn': 'unsupported-name-kind',
  'san-proto': 'bad-dns-name',
  'san-puny-bad': 'bad-string',
  'san-space': 'bad-dns-name',
  'san-traildot': 'bad-dns-name',
  'san-twice': 'duplicate-extension',
  'san-url': 'bad-dns-name',
  'san-utf8': 'bad-string',
  'san-wild-bare': 'bad-dns-name',
  'san-wild-mid': 'bad-dns-name',
  'san-wild-tld': 'bad-dns-name',
  'san-x400': 'unsupported-name-kind',
  'sig-alg-mismatch': 'algorithm-mismatch',
  'sig-empty': 'bad-signature',
  'sig-otherkey': 'bad-signature',
  'sig-wrong': 'bad-signature',
  'sig-zero': 'bad-signature',
  'ver-1': 'unsupported-version',
  'ver-long': 'bad-integer',
};

/** Well-formed, and by the holder of the key: the policy refuses these, for the key's strength, the names or the extensions. */
const LEFT_TO_POLICY = new Set([
  'cn-not-in-san', 'ext-crldp', 'ext-eku-any', 'ext-ku-certsign', 'ext-nc', 'ext-unknown-critical', 'key-rsa-512', 'key-rsa-e3', 'key-rsa-fermat-close',
  'key-rsa-sharedprime-with-good-rsa2048', 'key-rsa-smallfactor',
]);
/** Rows of verdict `policy` that the README settles by the form alone. */
const REFUSED_BY_FORM = new Set(['cn-bmp', 'rdn-multivalue', 'san-ip-v4mapped']);

t.test('the hostile CSRs are refused, each for its reason, and the good ones taken', { skip: missing('hostile-csr/EXPECTED.tsv') }, async (t) => {
  for (const [file, verdict, why] of corpusTable('hostile-csr/EXPECTED.tsv') as [string, string, string][]) {
    const name = file.replace('.der', '');
    const der = corpusFile(`hostile-csr/${file}`);
    let code = '';
    const took = millisecondsOf(() => (code = codeOf(() => verifyPossession(parseCertificationRequest(der)))));
    t.ok(took < LONGEST_MS, `${name} took ${took} ms`);
    t.equal(code, REFUSED[name] ?? 'ok', `${name}: ${why}`);
    const mayPass = verdict.startsWith('accept') || (verdict === 'policy' && !REFUSED_BY_FORM.has(name)) || LEFT_TO_POLICY.has(name);
    t.equal(code === 'ok', mayPass, `${name} is ${verdict}`);
  }
});

t.test('every other CSR at hand is taken or refused in a moment', { skip: missing('csr-embedded') }, async (t) => {
  const files = [
    ...corpusFolder('csr-embedded', '.der').map((file) => `csr-embedded/${file}`),
    ...corpusFolder('pyca/x509/requests', '.der', '.pem').map((file) => `pyca/x509/requests/${file}`),
    'boulder/test/integration/testdata/fermat_csr.pem', 'badkeys/tests/data/rsa-fermat.csr', 'roca/roca/tests/data/csr03.pem', 'roca/roca/tests/data/csr05.pem',
  ];
  const counts: Record<string, number> = {};
  for (const file of files) {
    const bytes = corpusFile(file);
    let code = '';
    const took = millisecondsOf(() => (code = codeOf(() => verifyPossession(parseCertificationRequest(pemOrDerOrBase64(bytes, 'CERTIFICATE REQUEST'))))));
    t.ok(took < LONGEST_MS, `${file} took ${took} ms: ${code}`);
    counts[code] = (counts[code] ?? 0) + 1;
  }
  t.ok((counts['ok'] ?? 0) > 50, JSON.stringify(counts));
});
