import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { parseFlattened } from '../../src/acme/jws/flattened.ts';
import { parseJwk } from '../../src/acme/jws/jwk.ts';
import { macMatches, verifyJws } from '../../src/acme/jws/verify.ts';
import { AcmeError } from '../../src/acme/problem.ts';
import { corpusText, missing } from '../x509/corpora.ts';
import { b64, jws, newPair } from './client.ts';

const VECTORS = 'wycheproof/json_web_signature_test.json';

interface Group {
  readonly public?: Readonly<Record<string, unknown>>;
  readonly private?: Readonly<Record<string, unknown>>;
  readonly tests: readonly { readonly tcId: number; readonly comment: string; readonly jws: unknown; readonly result: string; readonly flags: readonly string[] }[];
}

/** Vectors whose result says something else than what is in them. */
const ODD: Readonly<Record<number, string>> = {
  367: 'the same octets as 357, which is valid', 370: 'the same octets as 357, which is valid',
  372: 'a character outside of base64url, which is refused here', 373: 'a character outside of base64url, which is refused here',
};

/** Compact serialization as the flattened one; anything else as it came. */
function flattened(text: unknown): unknown {
  if (typeof text !== 'string') return text;
  const [head, payload, signature, ...more] = text.split('.');
  return more.length === 0 ? { protected: head, payload, signature } : text;
}

/** The error that the work ends in. */
function refusal(work: () => unknown): AcmeError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof AcmeError)) throw error;
    return error;
  }
}
/** Of a member in base64url. */
const octets = (member: unknown): number => (typeof member === 'string' ? Buffer.from(member, 'base64url').length : 0);

const OURS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];

t.test('every Wycheproof vector of an algorithm that is taken verifies, or does not, as it should; all others are refused', { skip: missing(VECTORS) }, async (t) => {
  const { testGroups } = JSON.parse(corpusText(VECTORS)) as { testGroups: Group[] };
  let [taken, refused, macs] = [0, 0, 0];
  for (const { public: publicKey, private: privateKey, tests } of testGroups) {
    for (const { tcId, comment, jws: text, result } of tests) {
      const good = ((): boolean => {
        try {
          const parsed = parseFlattened(flattened(text));
          if (publicKey === undefined) {
            macs += 1;
            return macMatches(parsed, Buffer.from(String(privateKey?.['k']), 'base64url'));
          }
          verifyJws(parsed, parseJwk(publicKey));
          return true;
        } catch (error) {
          if (!(error instanceof AcmeError)) throw error;
          return false;
        }
      })();
      const name = `${tcId} ${comment}`;
      if (ODD[tcId] !== undefined) {
        t.pass(`${name}: ${ODD[tcId]}`);
        continue;
      }
      if (result !== 'valid') {
        t.equal(good, false, name);
        refused += 1;
        continue;
      }
      // What is good elsewhere is refused here where its algorithm or key is none of ours.
      const alg = typeof text === 'string' ? (JSON.parse(Buffer.from(text.split('.')[0] ?? '', 'base64url').toString()) as { alg: string }).alg : '';
      const named = publicKey?.['alg'];
      if (publicKey === undefined ? ['HS256', 'HS384', 'HS512'].includes(alg) : OURS.includes(alg) && (named === undefined || named === alg) && octets(publicKey['n']) <= 512) {
        t.equal(good, true, name);
        taken += 1;
      } else t.pass(`${name}: ${good ? 'taken' : 'refused'}`);
    }
  }
  t.comment(`${taken} good ones taken, ${refused} bad ones refused, ${macs} with a MAC`);
  t.ok(taken > 20 && refused > 300);
});

t.test('each algorithm that is taken is verified', async (t) => {
  for (const alg of ['ES256', 'ES384', 'EdDSA', 'RS256']) {
    const pair = newPair(alg);
    const signed = jws(pair, {}, { a: 1 });
    verifyJws(parseFlattened(signed), parseJwk(pair.jwk));
    const other = newPair(alg);
    t.equal(refusal(() => verifyJws(parseFlattened(signed), parseJwk(other.jwk)))?.type, 'malformed', `${alg}: another key`);
    t.equal(refusal(() => verifyJws(parseFlattened({ ...signed, payload: b64('{"a":2}') }), parseJwk(pair.jwk)))?.type, 'malformed', `${alg}: another payload`);
    for (const signature of ['', b64(Buffer.alloc(64)), `${signed.signature}AA`]) t.equal(refusal(() => verifyJws(parseFlattened({ ...signed, signature }), parseJwk(pair.jwk)))?.type, 'malformed', `${alg}: signature ${signature.slice(0, 8)}`);
  }
});

t.test('a JWS is taken in one form alone', async (t) => {
  const pair = newPair();
  const good = jws(pair, {}, '');
  const head = (value: object | string): string => b64(typeof value === 'string' ? value : JSON.stringify(value));
  const bad: Readonly<Record<string, unknown>> = {
    'a text': 'x', 'a list': [good], null: null,
    'an unprotected header': { ...good, header: { kid: 'x' } },
    'several signatures': { payload: good.payload, signatures: [good] },
    'both forms': { ...good, signatures: [] },
    'no payload': { protected: good.protected, signature: good.signature },
    'a payload that is no text': { ...good, payload: {} },
    padding: { ...good, protected: `${good.protected}=` },
    'the other alphabet': { ...good, signature: `+/${good.signature.slice(2)}` },
    'white space': { ...good, payload: ' ' },
    'bits behind the last octet': { ...good, payload: 'QR' },
    'a header that is no JSON': { ...good, protected: b64('alg') },
    'a header that is no object': { ...good, protected: b64('["ES256"]') },
    'a member twice': { ...good, protected: head('{"alg":"none","alg":"ES256"}') },
    'a member twice, spelled otherwise': { ...good, protected: head('{"alg":"none","\\u0061lg":"ES256"}') },
    __proto__: { ...good, protected: head('{"__proto__":{"alg":"ES256"}}') },
    'not UTF-8': { ...good, protected: b64(Buffer.from('7b22616c67223a22ff227d', 'hex')) },
    crit: { ...good, protected: head({ alg: 'ES256', crit: ['b64'], b64: false }) },
    'crit, empty': { ...good, protected: head({ alg: 'ES256', crit: [] }) },
    b64: { ...good, protected: head({ alg: 'ES256', b64: false }) },
    jku: { ...good, protected: head({ alg: 'ES256', jku: 'https://127.0.0.1/' }) },
    x5u: { ...good, protected: head({ alg: 'ES256', x5u: 'https://127.0.0.1/' }) },
    x5c: { ...good, protected: head({ alg: 'ES256', x5c: ['AAAA'] }) },
    'nested deep': { ...good, protected: head(`${'['.repeat(10_000)}${']'.repeat(10_000)}`) },
  };
  for (const [name, value] of Object.entries(bad)) t.equal(refusal(() => parseFlattened(value))?.type, 'malformed', name);
});

t.test('algorithms that are not taken are named with those that are', async (t) => {
  const pair = newPair();
  for (const alg of ['none', 'None', 'HS256', 'HS512', 'ES256K', 'ES512', 'RS1', 'RS384', 'PS512', 'es256', 'constructor', '__proto__x', '', 5, null]) {
    const signed = { ...jws(pair, {}, ''), protected: b64(JSON.stringify({ alg })) };
    const error = refusal(() => verifyJws(parseFlattened(signed), parseJwk(pair.jwk)));
    t.strictSame([error?.type, error?.options.algorithms], ['badSignatureAlgorithm', OURS], String(alg));
  }
});

t.test('an algorithm goes with its own kind of key', async (t) => {
  for (const [alg, other] of [['ES256', 'ES384'], ['RS256', 'ES256'], ['EdDSA', 'RS256'], ['ES384', 'EdDSA']] as const) {
    const pair = newPair(alg);
    t.equal(refusal(() => verifyJws(parseFlattened(jws(pair, {}, '')), parseJwk(newPair(other).jwk)))?.type, 'malformed', `${alg} with a key for ${other}`);
  }
});

t.test('a key is taken in one spelling, public, and strong', async (t) => {
  const ec = newPair('ES256').jwk;
  const rsa = newPair('RS256').jwk;
  const weak = createPrivateKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const bad: Readonly<Record<string, unknown>> = {
    'a text': 'x', null: null, 'a list': [ec],
    'no kind': { ...ec, kty: undefined },
    symmetric: { kty: 'oct', k: 'AAAA' },
    'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey.export({ format: 'jwk' }),
    secp256k1: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }),
    X25519: generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }),
    'a private key': { ...ec, d: 'AAAA' },
    'not for signatures': { ...ec, use: 'enc' },
    'not for verifying': { ...ec, key_ops: ['encrypt'] },
    'off the curve': { ...ec, y: b64(Buffer.alloc(32, 7)) },
    'a short coordinate': { ...ec, x: b64(Buffer.alloc(31, 7)) },
    'the point at infinity': { ...ec, x: b64(Buffer.alloc(32)), y: b64(Buffer.alloc(32)) },
    'Ed25519 of small order': { kty: 'OKP', crv: 'Ed25519', x: b64(Buffer.concat([Buffer.of(1), Buffer.alloc(31)])) },
    'RSA of 1024 bits': newPair('RS256', weak).jwk,
    'RSA with exponent 3': { ...rsa, e: 'Aw' },
    'RSA with a zero in front': { ...rsa, n: b64(Buffer.concat([Buffer.of(0), Buffer.from(String(rsa['n']), 'base64url')])) },
    'a huge modulus': { ...rsa, n: b64(Buffer.alloc(100_000, 255)) },
    'an even modulus': { ...rsa, n: b64(Buffer.concat([Buffer.from(String(rsa['n']), 'base64url').subarray(0, 255), Buffer.of(2)])) },
    padding: { ...rsa, e: 'AQAB==' },
  };
  for (const [name, value] of Object.entries(bad)) t.equal(refusal(() => parseJwk(value))?.type, 'badPublicKey', name);
  t.equal(parseJwk({ ...ec, alg: 'ES256', kid: 'x', use: 'sig', ext: true }).thumbprint, newPairThumbprint(ec), 'other members mean nothing');
});

const newPairThumbprint = (jwk: object): string => parseJwk(jwk).thumbprint;
