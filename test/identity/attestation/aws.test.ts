import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { awsAttestor, awsKey } from '../../../src/identity/attestation/aws.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { openssl } from '../../helpers/openssl.ts';
import { accepted, evidence, refused, seconds, values } from './assert.ts';

const folder = temporaryFolder('aws');
const at = (name: string): string => join(folder, name);

/** A certificate like those that AWS publishes: self-signed, RSA, without a life of its own. */
function region(name: string, bits = 2048): string {
  openssl('req', '-x509', '-newkey', `rsa:${bits}`, '-nodes', '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-subj', '/C=US/ST=Washington State/L=Seattle/O=Amazon Web Services LLC', '-days', '1');
  return readFileSync(at(`${name}.pem`), 'latin1');
}
const [ireland, frankfurt, old] = [region('eu-west-1'), region('eu-central-1'), region('old', 1024)];

const documentOf = (changes: object = {}): string => JSON.stringify({
  devpayProductCodes: null, availabilityZone: 'eu-west-1b', privateIp: '10.158.112.84', version: '2017-09-30', instanceId: 'i-1234567890abcdef0', billingProducts: null, instanceType: 't2.micro',
  accountId: '123456789012', imageId: 'ami-5fb8c835', pendingTime: new Date(Date.now() - 60_000).toISOString().replace(/\.\d+/, ''), architecture: 'x86_64',
  kernelId: null, ramdiskId: null, region: 'eu-west-1', ...changes,
}, undefined, 2);

function signature(document: string, signer = 'eu-west-1'): string {
  writeFileSync(at('document'), document);
  openssl('dgst', '-sha256', '-sign', at(`${signer}.key`), '-out', at('signature'), at('document'));
  return readFileSync(at('signature')).toString('base64');
}
/** `form`: how `openssl cms` writes it; AWS's comes in BER, without certificates. */
function rsa2048(document: string, signer = 'eu-west-1', ...more: readonly string[]): string {
  writeFileSync(at('document'), document);
  openssl('cms', '-sign', '-binary', '-in', at('document'), '-signer', at(`${signer}.pem`), '-inkey', at(`${signer}.key`), '-md', 'sha256', '-outform', 'DER', '-out', at('cms'), ...more);
  return readFileSync(at('cms')).toString('base64');
}

const aws = awsAttestor({ keys: [awsKey('eu-west-1', ireland), awsKey('eu-central-1', frankfurt), awsKey('any', old)], maxAge: 3600 });

t.test('an instance identity document tells which instance it is', async (t) => {
  const document = documentOf();
  for (const proof of [
    { document, signature: signature(document) },
    { document, rsa2048: rsa2048(document, 'eu-west-1', '-nocerts', '-nodetach') },
    { document, rsa2048: rsa2048(document, 'eu-west-1', '-nocerts') },
    { document, rsa2048: rsa2048(document, 'eu-west-1', '-nocerts', '-nodetach', '-indef', '-stream') },
    { document, rsa2048: rsa2048(document, 'eu-west-1', '-nodetach', '-noattr') },
    { document, rsa2048: rsa2048(document, 'eu-west-1', '-nodetach', '-keyid', '-nosmimecap').replace(/(.{64})/g, '$1\n') },
    { document, rsa2048: `-----BEGIN PKCS7-----\n${rsa2048(document, 'eu-west-1', '-nodetach')}\n-----END PKCS7-----\n` },
  ]) {
    const found = await accepted(aws, evidence(proof));
    t.equal(found.name, '123456789012/i-1234567890abcdef0');
    t.same(values(found, 'region'), ['eu-west-1']);
    t.same(values(found, 'privateDnsName'), ['ip-10-158-112-84.eu-west-1.compute.internal']);
    t.same(values(found, 'kernelId'), []);
  }
  const tokyo = documentOf({ region: 'ap-northeast-1' });
  await accepted(aws, evidence({ document: tokyo, signature: signature(tokyo, 'old') }));
  await accepted(awsAttestor({ keys: [awsKey('any', ireland)], maxAge: 0 }), evidence({ document, signature: signature(document) }, { now: seconds() + 1_000_000 }));
});

t.test('what is no proof', async (t) => {
  const document = documentOf();
  const good = signature(document);
  const signed = (changes: object, signer?: string) => {
    const text = documentOf(changes);
    return { document: text, signature: signature(text, signer) };
  };
  const embedded = rsa2048(document, 'eu-west-1', '-nodetach', '-nocerts');
  for (const [name, proof, why] of [
    ['nothing', {}, /lacks "document"/],
    ['no signature', { document }, /expected either/],
    ['both signatures', { document, signature: good, rsa2048: embedded }, /expected either/],
    ['an altered document', { document: document.replace('1234567890abcdef0', '1234567890abcdef1'), signature: good }, /not by a key of eu-west-1/],
    ['a document with more white space', { document: `${document}\n`, signature: good }, /not by a key/],
    ['an altered document beside PKCS#7', { document: document.replace('t2.micro', 't2.large'), rsa2048: embedded }, /signs another document/],
    ['an altered document with PKCS#7 apart', { document: document.replace('t2.micro', 't2.large'), rsa2048: rsa2048(document, 'eu-west-1', '-nocerts') }, /does not sign the document/],
    ['the key of another region', { document, signature: signature(document, 'eu-central-1') }, /not by a key of eu-west-1/],
    ['the key for regions that are not named', { document, signature: signature(document, 'old') }, /not by a key of eu-west-1/],
    ['PKCS#7 by the key of another region', { document, rsa2048: rsa2048(document, 'eu-central-1', '-nodetach') }, /does not sign the document/],
    ['no base64', { document, signature: '%%' }, /base64/],
    ['no PKCS#7', { document, rsa2048: good }, /proof is refused/],
    ['PKCS#7 with octets behind it', { document, rsa2048: Buffer.concat([Buffer.from(embedded, 'base64'), Buffer.of(0, 0)]).toString('base64') }, /follow the end/],
    ['SHA-1', { document, rsa2048: rsa2048(document, 'eu-west-1', '-nodetach', '-md', 'sha1') }, /the digest is/],
    ['two signers', { document, rsa2048: rsa2048(document, 'eu-west-1', '-nodetach', '-signer', at('eu-central-1.pem'), '-inkey', at('eu-central-1.key')) }, /several signers/],
    ['an old instance', signed({ pendingTime: '2016-11-19T16:32:11Z' }), /longer ago than/],
    ['an instance that is to come', signed({ pendingTime: '2116-11-19T16:32:11Z' }), /in the future/],
    ['no start', signed({ pendingTime: null }), /"pendingTime" is missing/],
    ['a wrong account', signed({ accountId: '1234' }), /"accountId" is missing or malformed/],
    ['no region', signed({ region: 7 }), /"region" is missing/],
    ['no JSON', { document: 'x', signature: good }, /not JSON/], ['a list', { document: '[]', signature: good }, /not a JSON object/],
    ['a member twice', { document: document.replace('{', '{"region": "eu-west-1",'), signature: good }, /each member once/],
    ['deep nesting', { document: '['.repeat(8000), signature: good }, /not JSON/],
    ['a huge document', { document: `${document}${' '.repeat(17_000)}`, signature: good }, /at most 16384/],
  ] as const) await refused(t, aws, evidence(proof), why, name);
  await refused(t, awsAttestor({ keys: [awsKey('eu-central-1', frankfurt)], maxAge: 0 }), evidence({ document, signature: good }), /no certificate is configured for region eu-west-1/, 'a region without a certificate');
});

t.test('PKCS#7 whose every octet is altered or cut is refused or means the same', async (t) => {
  const document = documentOf();
  const whole = Buffer.from(rsa2048(document, 'eu-west-1', '-nodetach', '-nocerts', '-nosmimecap', '-indef', '-stream'), 'base64');
  let taken = 0;
  for (let index = 0; index < whole.length; index += 1) {
    const altered = Buffer.from(whole);
    altered[index] = (altered[index] ?? 0) ^ 0x15;
    for (const bytes of [altered, whole.subarray(0, index)]) {
      try {
        await aws.attest(evidence({ document, rsa2048: bytes.toString('base64') }));
        taken += 1;
      } catch (error) {
        if ((error as { code?: string }).code !== 'unauthenticated') t.fail(`${index}: ${String(error)}`);
      }
    }
  }
  // Version numbers, digest lists, and the name of the signer say nothing that counts.
  t.ok(taken < whole.length / 4, `${taken} of ${2 * whole.length}`);
});
