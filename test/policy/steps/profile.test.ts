import t from 'tap';
import type { Candidate, Verdict } from '../../../src/policy/eligibility.ts';
import { compileProfiles } from '../../../src/policy/profile.ts';
import { profileStep } from '../../../src/policy/steps/profile.ts';
import { integer, octetString, oid, sequence } from '../../../src/x509/der/writer.ts';
import { parseCertificationRequest } from '../../../src/x509/csr.ts';
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../../src/x509/extensions.ts';
import { OID } from '../../../src/x509/oids.ts';
import { extensionRequest, makeCsr } from '../../x509/make-csr.ts';

const verdict = (extensions: readonly Uint8Array[], { profile = 'server', usagesLeftOut = false } = {}): Verdict => {
  const csr = parseCertificationRequest(makeCsr({ attributes: [extensionRequest(...extensions)] }));
  const candidate = { profile: compileProfiles({}).get(profile), extensions: csr.extensions, usagesLeftOut, grant: { profiles: 'any', names: 'any', operator: true } };
  return profileStep.check(candidate as unknown as Candidate, {} as never, []) as Verdict;
};
const { serverAuth, clientAuth, anyExtendedKeyUsage } = OID;
const SMIME = sequence(oid(OID.smimeCapabilities), octetString(sequence(sequence(oid('1.2.840.113549.3.2'), integer(128)))));

t.test('what IIS puts into a CSR is told, and not refused', async (t) => {
  const { outcome, reason } = verdict([keyUsage(['digitalSignature', 'contentCommitment', 'keyEncipherment', 'dataEncipherment']), extendedKeyUsage([serverAuth]), SMIME]);
  t.equal(outcome, 'passed', reason);
  t.equal(reason, 'profile server, valid for 30d; requested in the CSR and left out: key usage contentCommitment, key usage dataEncipherment, S/MIME capabilities');
});

t.test('what the profile has is nothing to tell', async (t) => {
  t.match(verdict([basicConstraints({ ca: false }), keyUsage(['digitalSignature', 'keyEncipherment', 'keyAgreement']), extendedKeyUsage([serverAuth])]), { outcome: 'passed', reason: /valid for 30d$/ });
});

t.test('a CA certificate may be asked for with the usages of one', async (t) => {
  t.match(verdict([basicConstraints({ ca: true, pathLength: 0 }), keyUsage(['keyCertSign', 'cRLSign'])], { profile: 'subordinate' }), { outcome: 'passed' });
});

t.test('what asks for more is refused, with its name', async (t) => {
  const cases: readonly [readonly Uint8Array[], RegExp, Parameters<typeof verdict>[1]?][] = [
    [[keyUsage(['digitalSignature', 'keyCertSign'])], /key usage keyCertSign, which profile server does not grant/],
    [[keyUsage(['contentCommitment', 'cRLSign'])], /key usage contentCommitment, cRLSign/],
    [[keyUsage(['keyCertSign', 'contentCommitment'])], /key usage contentCommitment, which profile subordinate does not grant/, { profile: 'subordinate' }],
    [[extendedKeyUsage([serverAuth, clientAuth])], /extended key usage clientAuth \(1\.3\.6\.1\.5\.5\.7\.3\.2\), which profile server/],
    [[extendedKeyUsage([clientAuth])], /clientAuth/, { usagesLeftOut: true }],
    [[extendedKeyUsage([anyExtendedKeyUsage])], /anyExtendedKeyUsage/, { usagesLeftOut: true }],
    [[basicConstraints({ ca: true })], /CA certificate/, { usagesLeftOut: true }],
    [[sequence(oid('1.3.6.1.5.5.7.1.24'), octetString(sequence(integer(5))))], /extension 1\.3\.6\.1\.5\.5\.7\.1\.24, which no profile grants/],
    [[sequence(oid(OID.cRLDistributionPoints), octetString(sequence()))], /cRLDistributionPoints \(2\.5\.29\.31\)/],
  ];
  for (const [extensions, why, options] of cases) t.match(verdict(extensions, options), { outcome: 'failed', reason: why }, String(why));
});

t.test('where the client cannot choose, usages beyond the profile\'s are left out and told', async (t) => {
  t.match(verdict([extendedKeyUsage([clientAuth, serverAuth])], { usagesLeftOut: true }), { outcome: 'passed', reason: /requested in the CSR and left out: extended key usage clientAuth \([\d.]+\)$/ });
});
