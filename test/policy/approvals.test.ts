import t from 'tap';
import { approvalFault, type Approvals, approvalsMissing, personOf } from '../../src/policy/approvals.ts';

const APPROVALS: Approvals = { needed: 2, askers: ['enrolment-token:abc', 'api-key:maker#k1'], given: ['client-certificate:alice#01'] };
const fault = (by: string, over: Partial<Approvals> = {}): string | undefined => approvalFault({ ...APPROVALS, ...over }, by)?.code;

t.test('an operator is one person by whichever certificate or key', async (t) => {
  t.equal(personOf('client-certificate:alice#069b'), 'alice');
  t.equal(personOf('api-key:alice#abcd'), 'alice');
  t.equal(personOf('api-key:a#b#abcd'), 'a#b');
  t.equal(personOf('oidc:https://issuer#alice'), 'oidc:https://issuer#alice', 'others are who they are');
  t.equal(personOf('enrolment-token:abc'), 'enrolment-token:abc');
});

t.test('who asked, who made the token, and who has approved before does not count', async (t) => {
  t.equal(fault('api-key:bob#k2'), undefined);
  t.equal(fault('client-certificate:alice#01'), 'approval-already');
  t.equal(fault('client-certificate:alice#02'), 'approval-already', 'a renewed certificate is no second person');
  t.equal(fault('api-key:alice#k9'), 'approval-already');
  t.equal(fault('api-key:maker#k1'), 'approval-own');
  t.equal(fault('client-certificate:maker#0a'), 'approval-own');
  t.equal(fault('enrolment-token:abc'), 'approval-own');
});

t.test('where operators are named, only they count', async (t) => {
  t.equal(fault('api-key:bob#k2', { operators: ['alice', 'carol'] }), 'approval-not-listed');
  t.equal(fault('api-key:carol#k3', { operators: ['alice', 'carol'] }), undefined);
});

t.test('who may not approve is told who may, and how many are missing', async (t) => {
  const detail = (by: string, over: Partial<Approvals> = {}) => approvalFault({ ...APPROVALS, ...over }, by)?.detail;
  t.equal(detail('api-key:maker#k1'), 'maker requested it, or created the token with which it was requested; expected another operator, 1 of 2 missing');
  t.equal(detail('api-key:maker#k1', { operators: ['alice', 'maker', 'bob'] }), 'maker requested it, or created the token with which it was requested; expected one of bob, 1 of 2 missing');
  t.equal(detail('api-key:dave#k1', { operators: ['alice', 'bob'], given: [] }), 'approvals of dave do not count here; expected one of alice, bob, 2 of 2 missing');
  t.equal(detail('client-certificate:alice#02', { operators: ['alice', 'maker'] }), 'alice has already approved it; none of alice, maker is left who may, 1 of 2 missing');
  t.equal(detail('api-key:maker#k1', { needed: 1, given: [] }), 'maker requested it, or created the token with which it was requested; expected another operator');
});

t.test('what is missing is said in words', async (t) => {
  t.equal(approvalsMissing({ needed: 1, given: 0 }), 'an operator\'s approval');
  t.equal(approvalsMissing({ needed: 2, given: 0 }), '2 operators to approve it (0 of 2)');
  t.equal(approvalsMissing({ needed: 2, given: 1, operators: ['alice', 'bob', 'carol'] }), '1 more operator among alice, bob, carol to approve it (1 of 2)');
});
