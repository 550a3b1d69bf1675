import { randomBytes } from 'node:crypto';
import t from 'tap';
import { derivedCredential, newCredential, secretHash, secretMatches } from '../../src/identity/credential.ts';
import { formatEnrolmentToken, parseEnrolmentToken } from '../../src/identity/enrolment-token.ts';

const DIGEST = 'ab'.repeat(32);

t.test('a token is read back as it was written, and nothing else is a token', (t) => {
  for (let round = 0; round < 100; round += 1) {
    const credential = newCredential(randomBytes);
    t.match(credential, { id: /^[a-z2-7]{16}$/, secret: /^[a-z2-7]{52}$/ });
    t.strictSame(parseEnrolmentToken(formatEnrolmentToken(DIGEST, credential)), { rootDigest: DIGEST, ...credential });
  }
  const good = formatEnrolmentToken(DIGEST, newCredential(randomBytes));
  for (const bad of ['', good.slice(1), `${good}a`, `${good}\n`, good.toUpperCase(), good.replace('-1-', '-2-')]) t.equal(parseEnrolmentToken(bad), undefined, bad);
  t.end();
});

t.test('a secret matches its hash and no other', (t) => {
  const { secret } = newCredential(randomBytes);
  t.ok(secretMatches(secret, secretHash(secret)));
  t.notOk(secretMatches(`${secret}a`, secretHash(secret)));
  t.notOk(secretMatches(secret, ''));
  t.end();
});

t.test('a derived credential is always the same for its label, and another for every other', (t) => {
  const master = new Uint8Array(32).fill(7);
  t.strictSame(derivedCredential(master, 'a'), derivedCredential(master, 'a'));
  t.not(derivedCredential(master, 'a').secret, derivedCredential(master, 'b').secret);
  t.not(derivedCredential(master, 'a').secret, derivedCredential(new Uint8Array(32), 'a').secret);
  t.match(derivedCredential(master, 'a'), { id: /^[a-z2-7]{16}$/, secret: /^[a-z2-7]{52}$/ });
  t.end();
});
