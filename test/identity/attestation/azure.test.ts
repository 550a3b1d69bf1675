import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { azureAttestor, azureNonce } from '../../../src/identity/attestation/azure.ts';
import type { Evidence } from '../../../src/identity/attestation/attestor.ts';
import { OID } from '../../../src/x509/oids.ts';
import { outsideIntermediate, outsideRoot } from '../../authority/openssl-ca.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { openssl } from '../../helpers/openssl.ts';
import { accepted, evidence, newChallenge, refused, values } from './assert.ts';
import { type OutsideNode, outsideNode, read } from './outside.ts';

const folder = temporaryFolder('azure');
const root = outsideRoot(folder, 'root', { algorithm: 'RSA' });
const issuing = outsideIntermediate(folder, root, 'issuing');
const SERVER = ['basicConstraints=', 'keyUsage=critical,digitalSignature', 'extendedKeyUsage=serverAuth,clientAuth'];
const RSA = ['rsa:2048'];
const signer = outsideNode(folder, issuing, { key: RSA, extensions: [...SERVER, 'subjectAltName=DNS:metadata.azure.com'] });
const regional = outsideNode(folder, issuing, { extensions: [...SERVER, 'subjectAltName=DNS:westeurope.metadata.azure.com'] });

const settings = { trust: { anchors: read(root.pem), intermediates: read(issuing.pem), purpose: OID.serverAuth }, signers: ['metadata.azure.com', '*.metadata.azure.com'] };
const azure = azureAttestor(settings);

const time = (offset: number): string => {
  const [date = '', clock = ''] = new Date(Date.now() + offset * 1000).toISOString().split(/[T.]/);
  const [year = '', month, day] = date.split('-');
  return `${month}/${day}/${year.slice(2)} ${clock} -0000`;
};
const documentFor = (challenge: Evidence['challenge'], changes: object = {}): string => JSON.stringify({
  licenseType: '', nonce: azureNonce(challenge), plan: { name: '', product: 'linux', publisher: '' }, sku: 'Standard', subscriptionId: '8D10DA13-8125-4ba9-a717-bf7490507b3d',
  timeStamp: { createdOn: time(-60), expiresOn: time(6 * 3600) }, vmId: '960a4b4a-dab2-44ef-9b73-7753043b4f16', ...changes,
});
function sign(document: string, { key, certificate }: OutsideNode = signer, ...more: readonly string[]): string {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('document'), document);
  openssl('cms', '-sign', '-binary', '-nodetach', '-in', at('document'), '-signer', certificate, '-inkey', key, '-md', 'sha256', '-outform', 'DER', '-out', at('cms'), ...more);
  return readFileSync(at('cms')).toString('base64');
}
const challenge = newChallenge();
const good = documentFor(challenge);
const signed = (changes: object): { readonly signature: string } => ({ signature: sign(documentFor(challenge, changes)) });

t.test('attested data tells which machine it is', async (t) => {
  for (const signature of [sign(good), sign(good, signer, '-certfile', issuing.certificate), sign(good, regional), sign(good, signer, '-indef', '-stream'), sign(good, signer, '-keyid')]) {
    const found = await accepted(azure, evidence({ signature }, { challenge }));
    t.equal(found.name, '8d10da13-8125-4ba9-a717-bf7490507b3d/960a4b4a-dab2-44ef-9b73-7753043b4f16');
    t.same(values(found, 'subscriptionId'), ['8d10da13-8125-4ba9-a717-bf7490507b3d']);
    t.same(values(found, 'planProduct'), ['linux']);
  }
  t.match(azureNonce(challenge), /^\d{10}$/);
  const bare = azureAttestor({ ...settings, trust: { ...settings.trust, intermediates: [] } });
  await accepted(bare, evidence({ signature: sign(good, signer, '-certfile', issuing.certificate) }, { challenge }));
  await refused(t, bare, evidence({ signature: sign(good) }, { challenge }), /no path leads/, 'nobody fetches a missing issuer');
});

t.test('what is no proof', async (t) => {
  const elsewhere = temporaryFolder('azure-elsewhere');
  const stranger = outsideRoot(elsewhere, 'root', { algorithm: 'RSA' });
  const extensions = [...SERVER, 'subjectAltName=DNS:metadata.azure.com'];
  const named = (san: string) => outsideNode(folder, issuing, { extensions: [...SERVER, `subjectAltName=DNS:${san}`] });
  for (const [name, proof, why] of [
    ['nothing', {}, /lacks "signature"/],
    ['another challenge', { signature: sign(documentFor(newChallenge())) }, /another challenge/],
    ['no nonce', signed({ nonce: undefined }), /"nonce" is missing/],
    ['a nonce that is the time', signed({ nonce: '20181128-001617' }), /"nonce" is missing or malformed/],
    ['expired', signed({ timeStamp: { createdOn: time(-7200), expiresOn: time(-3600) } }), /has expired/],
    ['to come', signed({ timeStamp: { createdOn: time(7200), expiresOn: time(14_400) } }), /in the future/],
    ['no times', signed({ timeStamp: {} }), /lacks createdOn/], ['times of another form', signed({ timeStamp: { createdOn: '2026-01-01', expiresOn: '2099-01-01' } }), /lacks createdOn/],
    ['no machine', signed({ vmId: 'x' }), /"vmId" is missing or malformed/],
    ['a certificate of another root', { signature: sign(good, outsideNode(elsewhere, stranger, { extensions })) }, /another identifier|no way leads|signature/],
    ['a certificate of somebody else under the same root', { signature: sign(good, named('www.example.com')) }, /signed by www\.example\.com, not by/],
    ['a name with ours in it', { signature: sign(good, named('metadata.azure.com.example.com')) }, /not by metadata/],
    ['a deeper name', { signature: sign(good, named('a.b.metadata.azure.com')) }, /not by metadata/],
    ['no server\'s certificate', { signature: sign(good, outsideNode(folder, issuing, { extensions: [...SERVER.slice(0, 2), 'extendedKeyUsage=clientAuth', 'subjectAltName=DNS:metadata.azure.com'] })) }, /lacks the extended key usage serverAuth/],
    ['an expired certificate', { signature: sign(good, outsideNode(folder, issuing, { extensions, more: ['-days', '-1'] })) }, /expired at/],
    ['no certificate', { signature: sign(good, signer, '-nocerts') }, /does not carry the certificate of its signer/],
    ['no content', { signature: Buffer.from(sign(good, signer), 'base64').subarray(0, 40).toString('base64') }, /truncated|ends|octets/],
    ['another\'s certificate beside', { signature: sign(good, named('www.example.com'), '-certfile', signer.certificate) }, /signed by www\.example\.com/],
    ['altered content', { signature: Buffer.from(Buffer.from(sign(good), 'base64').toString('latin1').replace('Standard', 'standard'), 'latin1').toString('base64') }, /digest is different/],
  ] as const) await refused(t, azure, evidence(proof, { challenge }), why, name);
  writeFileSync(join(folder, 'apart'), good);
  openssl('cms', '-sign', '-binary', '-in', join(folder, 'apart'), '-signer', signer.certificate, '-inkey', signer.key, '-outform', 'DER', '-out', join(folder, 'apart.cms'));
  await refused(t, azure, evidence({ signature: readFileSync(join(folder, 'apart.cms')).toString('base64') }, { challenge }), /carries no document/, 'a signature without its document');
});
