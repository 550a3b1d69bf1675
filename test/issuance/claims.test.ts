import t from 'tap';
import type { Identity } from '../../src/identity/identity.ts';
import type { Checked } from '../../src/issuance/check.ts';
import { claimsOf } from '../../src/issuance/claims.ts';
import { type Grant, FULL_GRANT } from '../../src/policy/grant.ts';

const DAY = 86_400;
const NOW = 1_800_000_000;

function expiryOf(asked: { readonly validity?: number; readonly grant?: Grant; readonly issuerEnds?: number }): number | undefined {
  const { validity, grant = FULL_GRANT, issuerEnds = NOW + 1000 * DAY } = asked;
  const identity: Identity = { kind: 'service', name: 'test', proof: 'a test', grant, scopes: [] };
  const checked = {
    issuing: { profile: { name: 'server', lifetime: 30 * DAY, maxLifetime: 300 * DAY, backdate: 60 }, authority: { certificate: { notBefore: 0, notAfter: issuerEnds } } },
    candidate: { names: [], validity, grant }, keyHash: '',
  } as unknown as Checked;
  return claimsOf({ identity, csr: new Uint8Array() }, checked, NOW * 1000)[0]?.expires;
}

t.test('the claim of the same CSR ends when two thirds of the certificate\'s real life are over', (t) => {
  t.equal(expiryOf({}), NOW + 20 * DAY);
  t.equal(expiryOf({ validity: 3 * DAY }), NOW + 2 * DAY);
  t.equal(expiryOf({ grant: { ...FULL_GRANT, maxValidity: 6 * DAY } }), NOW + 4 * DAY, 'by the requester\'s limit');
  t.equal(expiryOf({ issuerEnds: NOW + 9 * DAY - 1 }), NOW + 6 * DAY, 'cut to the issuer\'s end');
  t.end();
});
