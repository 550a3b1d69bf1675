import t from 'tap';
import { generateKeyPair, KEY_ALGORITHMS } from '../../../src/authority/keys/generate.ts';

t.test('each algorithm gives the key that its name says', async (t) => {
  for (const algorithm of KEY_ALGORITHMS.filter((name) => name !== 'RSA-4096')) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm);
    const { namedCurve = '', modulusLength, publicExponent } = publicKey.asymmetricKeyDetails ?? {};
    const found = publicKey.asymmetricKeyType === 'rsa' ? `RSA-${modulusLength}` : { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }[namedCurve] ?? 'Ed25519';
    t.equal(found, algorithm);
    if (publicExponent !== undefined) t.equal(publicExponent, 65_537n);
    t.equal(privateKey.type, 'private');
  }
});

t.test('the event loop goes on while an RSA key is made', async (t) => {
  let turns = 0;
  const timer = setInterval(() => { turns += 1; }, 1);
  t.teardown(() => clearInterval(timer));
  await generateKeyPair('RSA-3072');
  t.ok(turns > 0);
});
