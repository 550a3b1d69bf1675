import { createPublicKey, type JsonWebKey } from 'node:crypto';
import t from 'tap';
import { ALGORITHMS, type Algorithm } from '../../../src/identity/oidc/algorithms.ts';
import { BadKeySet, parseKeySet } from '../../../src/identity/oidc/key-set.ts';
import { fixedKeys } from '../../../src/identity/oidc/key-source.ts';
import { RefusedToken } from '../../../src/identity/oidc/refused-token.ts';
import { verifySignature } from '../../../src/identity/oidc/signature.ts';
import { decodeBase64Url } from '../../../src/base64url.ts';
import { corpusFolder, corpusText, missing } from '../../x509/corpora.ts';

const WYCHEPROOF = 'wycheproof/json_web_signature_test.json';
const COOKBOOK = 'jose-cookbook/jws';

/** Whether the compact JWS is taken as signed with the key: octets and header as strictly as a token's, the payload whatever it is. */
async function verifies(text: string, jwk: unknown): Promise<boolean> {
  const [head = '', payload = '', signature = ''] = text.split('.');
  if (text.split('.').length !== 3 || [head, payload, signature].some((part) => decodeBase64Url(part) === undefined)) return false;
  try {
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Readonly<Record<string, unknown>>;
    const kid = typeof header['kid'] === 'string' ? header['kid'] : undefined;
    if (Object.hasOwn(header, 'crit')) return false;
    const keys = parseKeySet(Buffer.from(JSON.stringify({ keys: [jwk] })));
    await verifySignature({ text, alg: header['alg'], kid }, { name: 'vectors', algorithms: Object.keys(ALGORITHMS) as Algorithm[], keys: fixedKeys(keys) });
    return true;
  } catch (error) {
    if (error instanceof RefusedToken || error instanceof BadKeySet || error instanceof SyntaxError) return false;
    throw error;
  }
}

interface Group {
  readonly public?: Readonly<Record<string, unknown>>;
  readonly tests: readonly { readonly tcId: number; readonly comment: string; readonly jws: unknown; readonly result: string }[];
}

/** Vectors whose result says something else than what is in them. */
const ODD: Readonly<Record<number, string>> = {
  367: 'the same octets as 357, which is valid', 370: 'the same octets as 357, which is valid',
  372: 'a character outside of base64url, which is refused here', 373: 'a character outside of base64url, which is refused here',
};

t.test('every Wycheproof vector of a signature verifies, or does not, as it should; no MAC does', { skip: missing(WYCHEPROOF) }, async (t) => {
  const { testGroups } = JSON.parse(corpusText(WYCHEPROOF)) as { testGroups: Group[] };
  let [taken, refused] = [0, 0];
  for (const { public: publicKey, tests } of testGroups) {
    for (const { tcId, comment, jws, result } of tests) {
      const good = typeof jws === 'string' && await verifies(jws, publicKey ?? { kty: 'oct' });
      if (result !== 'valid' || publicKey === undefined) {
        if (ODD[tcId] === undefined) t.equal(good, false, `${tcId} ${comment}`);
        refused += 1;
      } else if (good) taken += 1;
      else {
        // What is good elsewhere is refused here where the key's own words forbid it, or its algorithm is none of ours.
        const alg = String((JSON.parse(Buffer.from(String(jws).split('.')[0] ?? '', 'base64url').toString()) as { alg: unknown }).alg);
        const named = publicKey['alg'];
        t.ok(ODD[tcId] !== undefined || !Object.hasOwn(ALGORITHMS, alg) || (named !== undefined && named !== alg), `${tcId} ${comment}: ${alg} with a key for ${String(named)}`);
      }
    }
  }
  t.ok(taken >= 20 && refused > 100, `${taken} taken, ${refused} refused`);
});

t.test('the signatures of RFC 7520 verify', { skip: missing(COOKBOOK) }, async (t) => {
  let seen = 0;
  for (const file of corpusFolder(COOKBOOK, '.json')) {
    const { input, output, signing } = JSON.parse(corpusText(`${COOKBOOK}/${file}`)) as {
      input: { alg: unknown; key: JsonWebKey & Readonly<Record<string, unknown>> }; output: { compact?: string }; signing?: { protected?: { alg?: string } };
    };
    const alg = signing?.protected?.alg;
    if (output.compact === undefined || alg === undefined || !/^[^.]+\.[^.]+\.[^.]+$/.test(output.compact)) continue;
    if (input.key.kty === 'oct') {
      t.equal(await verifies(output.compact, input.key), false, `${file}: a MAC`);
      continue;
    }
    const { d: _d, ...key } = { ...createPublicKey({ key: input.key, format: 'jwk' }).export({ format: 'jwk' }), kid: input.key['kid'] };
    t.equal(await verifies(output.compact, key), true, `${file}: ${alg}`);
    t.equal(await verifies(output.compact.replace(/..$/, 'AA'), key), false, `${file}: changed`);
    seen += 1;
  }
  t.ok(seen >= 3, `${seen} signatures`);
});
