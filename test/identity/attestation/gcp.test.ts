import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import t from 'tap';
import { gcpAttestor, gcpAudience } from '../../../src/identity/attestation/gcp.ts';
import { googleTokens } from '../../../src/identity/attestation/google-token.ts';
import { parseKeySet } from '../../../src/identity/oidc/key-set.ts';
import { fixedKeys, KeysUnavailable } from '../../../src/identity/oidc/key-source.ts';
import { accepted, evidence, newChallenge, refused, seconds, values } from './assert.ts';

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const [google, stranger] = [rsa(), rsa()];
const keys = fixedKeys(parseKeySet(Buffer.from(JSON.stringify({ keys: [{ ...await exportJWK(google.publicKey), kid: 'g1', alg: 'RS256', use: 'sig' }] }))));
const gcp = gcpAttestor({ audience: 'https://ca.example.com', maxAge: 3600, verify: googleTokens(keys) });
const challenge = newChallenge();
const AUDIENCE = gcpAudience('https://ca.example.com', challenge);

const machine = (changes: object = {}): object => ({
  project_id: 'my-project', project_number: 739419398126, zone: 'europe-west1-b', instance_id: '152986662232938449', instance_name: 'example', instance_creation_timestamp: seconds() - 600,
  instance_confidentiality: 0, license_id: ['1000204'], ...changes,
});
interface Changes {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly machine?: object;
  readonly header?: object;
  readonly key?: typeof google.privateKey;
}
const token = ({ claims = {}, machine: changed = {}, header = {}, key = google.privateKey }: Changes = {}): Promise<string> =>
  new SignJWT({
    iss: 'https://accounts.google.com', aud: AUDIENCE, sub: '107517467455664443765', azp: '107517467455664443765', email: '739419398126-compute@developer.gserviceaccount.com', email_verified: true,
    iat: seconds() - 10, exp: seconds() + 3590, google: { compute_engine: machine(changed) }, ...claims,
  }).setProtectedHeader({ alg: 'RS256', kid: 'g1', typ: 'JWT', ...header }).sign(key);

t.test('an identity token tells which machine it is', async (t) => {
  const found = await accepted(gcp, evidence({ token: await token() }, { challenge }));
  t.equal(found.name, 'my-project/152986662232938449');
  for (const [name, value] of Object.entries({ project: 'my-project', projectNumber: '739419398126', zone: 'europe-west1-b', region: 'europe-west1', instanceName: 'example', serviceAccount: '739419398126-compute@developer.gserviceaccount.com' })) {
    t.same(values(found, name), [value]);
  }
  t.same(values(await accepted(gcp, evidence({ token: await token({ claims: { email_verified: false } }) }, { challenge })), 'serviceAccount'), []);
  await accepted(gcpAttestor({ audience: 'https://ca.example.com?a=b', maxAge: 0, verify: googleTokens(keys) }), evidence({ token: await token({ claims: { aud: gcpAudience('https://ca.example.com?a=b', challenge) }, machine: { instance_creation_timestamp: 1 } }) }, { challenge }));
});

t.test('what is no proof', async (t) => {
  const [head = '', body = '', signature = ''] = (await token()).split('.');
  const other = JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), google: { compute_engine: machine({ instance_id: '1' }) } });
  for (const [name, given, why] of [
    ['nothing', undefined, /lacks "token"/],
    ['no JWT', 'x', /not a JWT/],
    ['the audience without a challenge', await token({ claims: { aud: 'https://ca.example.com' } }), /it is for "https:\/\/ca\.example\.com"/],
    ['another challenge', await token({ claims: { aud: gcpAudience('https://ca.example.com', newChallenge()) } }), /it is for/],
    ['another service', await token({ claims: { aud: gcpAudience('https://other.example.com', challenge) } }), /it is for/],
    ['two audiences', await token({ claims: { aud: [AUDIENCE, 'https://other.example.com'] } }), /it is for/],
    ['another issuer', await token({ claims: { iss: 'https://accounts.example.com' } }), /not of https:\/\/accounts\.google\.com/],
    ['another key', await token({ key: stranger.privateKey }), /signature/],
    ['an unknown key id', await token({ header: { kid: 'g2' } }), /has none for RS256/],
    ['altered claims', `${head}.${Buffer.from(other).toString('base64url')}.${signature}`, /signature/],
    ['algorithm none', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`, /no algorithm|"none"/],
    ['an HMAC with the public key', await new SignJWT(JSON.parse(Buffer.from(body, 'base64url').toString())).setProtectedHeader({ alg: 'HS256', kid: 'g1' }).sign(Buffer.from(google.publicKey.export({ type: 'spki', format: 'pem' }))), /"HS256"/],
    ['another algorithm of the same key', await token({ header: { alg: 'PS256' } }), /"PS256"/],
    ['expired', await token({ claims: { iat: seconds() - 7200, exp: seconds() - 3600 } }), /expired/],
    ['to come', await token({ claims: { iat: seconds() + 600, exp: seconds() + 1200 } }), /becomes valid in/],
    ['a long life', await token({ claims: { exp: seconds() + 100_000 } }), /lifetime is/],
    ['format standard', await token({ claims: { google: undefined } }), /"google"/],
    ['no machine', await token({ claims: { google: {} } }), /format full/],
    ['no instance', await token({ machine: { instance_id: 7 } }), /"instance_id" is missing/],
    ['a project of another form', await token({ machine: { project_id: 'a/b' } }), /"project_id" is missing or malformed/],
    ['an old machine', await token({ machine: { instance_creation_timestamp: seconds() - 4000 } }), /longer ago/],
    ['a machine without a beginning', await token({ machine: { instance_creation_timestamp: undefined } }), /missing, or in the future/],
    ['a machine that is to come', await token({ machine: { instance_creation_timestamp: seconds() + 4000 } }), /missing, or in the future/],
    ['a huge one', `${head}.${'A'.repeat(12_000)}.${signature}`, /at most 12288/],
  ] as const) await refused(t, gcp, evidence({ token: given }, { challenge }), why, name);
  const away = gcpAttestor({ audience: 'https://ca.example.com', maxAge: 0, verify: googleTokens({ keys: () => Promise.reject(new KeysUnavailable('away', 7)) }) });
  await t.rejects(async () => away.attest(evidence({ token: await token() }, { challenge })), { code: 'unavailable', retryAfter: 7 });
});
