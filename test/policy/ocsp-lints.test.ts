import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { LintError, lintOcspResponse } from '../../src/policy/lints.ts';
import { OCSP_LINTS, type OcspContext } from '../../src/policy/lints/ocsp.ts';
import { contextExplicit, generalizedTime, nullValue, sequence } from '../../src/x509/der/writer.ts';
import { encodeExtension } from '../../src/x509/extension.ts';
import { basicConstraints, extendedKeyUsage, keyUsage, authorityKeyIdentifier } from '../../src/x509/extensions.ts';
import { encodeResponseData, encodeSingleResponse, responderByKey, responderByName, type ResponseDataFields, type SingleResponse } from '../../src/x509/ocsp-response.ts';
import { OID } from '../../src/x509/oids.ts';
import { makeTestAuthorities, systemClock } from '../helpers/authority.ts';
import { certId } from '../helpers/ocsp.ts';
import { certificateBy, delegatedSigner } from '../helpers/ocsp-responder.ts';

const SERIAL = '3441281c2d04a43b5fcddfd0b22220636adcb97d';

/** The lints that fail; `syntax` where the bytes cannot be read. */
function failing(data: Uint8Array, context: OcspContext): string[] {
  try {
    lintOcspResponse(data, context);
    return [];
  } catch (error) {
    if (!(error instanceof LintError)) throw error;
    return error.failures.map(({ name }) => name);
  }
}

t.test('each lint finds its fault, and no other does', async (t) => {
  const now = systemClock();
  const { data, authorities: { issuing, root } } = await makeTestAuthorities();
  const signer = delegatedSigner(data, issuing);
  const spki = (): Uint8Array => new Uint8Array(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }));
  const id = certId(issuing, SERIAL);
  const good: SingleResponse = { certId: id, certStatus: { status: 'good' }, thisUpdate: now, nextUpdate: now + 60 };
  const context = (over: Partial<OcspContext> = {}): OcspContext => ({ responder: signer.certificate, authority: issuing.certificate, asked: [id], nonce: undefined, ...over });
  const answer = (single: Partial<SingleResponse> = {}, fields: Partial<ResponseDataFields> = {}): Uint8Array =>
    encodeResponseData({ responderId: signer.responderId, producedAt: now, responses: [encodeSingleResponse({ ...good, ...single })], ...fields });
  const by = (fields: Parameters<typeof certificateBy>[2]): readonly [Uint8Array, OcspContext] => {
    const responder = certificateBy(issuing, spki(), fields);
    return [answer({}, { responderId: responderByKey(responder.publicKey) }), context({ responder })];
  };
  const aki = authorityKeyIdentifier(issuing.subjectKeyId);
  const nonce = new Uint8Array(16).fill(1);
  const extended = (place: 'answer' | 'single', critical: boolean): Uint8Array => {
    const extensions = contextExplicit(1, sequence(encodeExtension({
      oid: place === 'answer' ? OID.ocspArchiveCutoff : OID.ocspNonce, critical, value: place === 'answer' ? nullValue() : generalizedTime(now),
    })));
    const single = sequence(id, Uint8Array.of(0x80, 0), generalizedTime(now), contextExplicit(0, generalizedTime(now + 60)), ...(place === 'single' ? [extensions] : []));
    return sequence(signer.responderId, generalizedTime(now), sequence(single), ...(place === 'answer' ? [extensions] : []));
  };

  t.strictSame(failing(answer(), context()), [], 'good');
  t.strictSame(failing(answer({}, { responderId: responderByName(signer.certificate.subject) }), context()), [], 'by name');
  t.strictSame(failing(answer({ certStatus: { status: 'revoked', at: now - 9, reason: 'keyCompromise' }, archiveCutoff: now - 1 }, { nonce }), context({ nonce })), [], 'revoked, with all extensions');
  const foreign = certId(root, SERIAL);
  t.strictSame(failing(answer({ certId: foreign, certStatus: { status: 'unknown' } }), context({ asked: [foreign] })), [], 'unknown of another issuer');

  const cases: readonly (readonly [string, string, Uint8Array, OcspContext])[] = [
    ['ocsp-responder-delegated', 'a certificate for servers', ...by({ extensions: [keyUsage(['digitalSignature']), extendedKeyUsage([OID.serverAuth]), basicConstraints({ ca: false }), aki] })],
    ['ocsp-responder-delegated', 'delegated by another authority', ...by({ issuer: root.certificate.subject })],
    ['ocsp-responder-delegated', 'delegated by another key of the same name', ...by({
      extensions: [keyUsage(['digitalSignature']), extendedKeyUsage([OID.OCSPSigning]), authorityKeyIdentifier(root.subjectKeyId)],
    })],
    ['ocsp-responder-key-usage', 'no digitalSignature', ...by({ extensions: [keyUsage(['keyAgreement']), extendedKeyUsage([OID.OCSPSigning]), aki] })],
    ['ocsp-responder-id', 'another key', answer({}, { responderId: responderByKey(issuing.certificate.publicKey) }), context()],
    ['ocsp-responder-id', 'another name', answer({}, { responderId: responderByName(issuing.certificate.subject) }), context()],
    ['ocsp-produced-by-valid-responder', 'not yet valid', ...by({ notBefore: now + 10 })],
    ['ocsp-times', 'from the future', answer({ thisUpdate: now + 1 }), context()],
    ['ocsp-times', 'ends before it begins', answer({ nextUpdate: now - 1 }), context()],
    ['ocsp-times', 'no end', sequence(signer.responderId, generalizedTime(now), sequence(sequence(id, Uint8Array.of(0x80, 0), generalizedTime(now)))), context()],
    ['ocsp-times', 'outlives its signer', ...by({ notAfter: now + 59 })],
    ['ocsp-as-asked', 'another certificate', answer({ certId: certId(issuing, '01') }), context()],
    ['ocsp-as-asked', 'one more', answer({}, { responses: [encodeSingleResponse(good), encodeSingleResponse(good)] }), context()],
    ['ocsp-as-asked', 'nothing', answer({}, { responses: [] }), context({ asked: [] })],
    ['ocsp-as-asked', 'by another hash', answer({ certId: certId(issuing, SERIAL, 'sha256') }), context()],
    ['ocsp-authoritative', 'good, of another issuer', answer({ certId: foreign }), context({ asked: [foreign] })],
    ['ocsp-authoritative', 'revoked, of another issuer', answer({ certId: foreign, certStatus: { status: 'revoked', at: now, reason: 'unspecified' } }), context({ asked: [foreign] })],
    ['ocsp-no-removal', 'removed from the CRL', answer({ certStatus: { status: 'revoked', at: now, reason: 'removeFromCRL' } }), context()],
    ['ocsp-archive-cutoff', 'in the future', answer({ archiveCutoff: now + 1 }), context()],
    ['ocsp-nonce-as-asked', 'missing', answer(), context({ nonce })],
    ['ocsp-nonce-as-asked', 'not asked for', answer({}, { nonce }), context()],
    ['ocsp-nonce-as-asked', 'another', answer({}, { nonce }), context({ nonce: new Uint8Array(16) })],
    ['ocsp-extensions-known', 'of the answer', extended('answer', false), context()],
    ['ocsp-extensions-known', 'of one certificate', extended('single', false), context()],
    ['ocsp-extensions-known', 'critical', extended('single', true), context()],
    ['syntax', 'no bytes', new Uint8Array(0), context()],
    ['syntax', 'something behind the end', Buffer.concat([answer(), Buffer.of(0)]), context()],
  ];
  for (const [name, what, bytes, given] of cases) t.strictSame(failing(bytes, given), [name], `${name}: ${what}`);
  t.same(OCSP_LINTS.map(({ name }) => name).filter((name) => !cases.some(([planted]) => planted === name)), [], 'every lint has a case');
  for (const { citation } of OCSP_LINTS) t.match(citation, /^RFC \d+ \d/);
});
