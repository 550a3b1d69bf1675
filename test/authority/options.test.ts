import t from 'tap';
import { checkOptions, type InitOptions } from '../../src/authority/options.ts';
import { distinguishedNameToText } from '../../src/x509/distinguished-name.ts';
import { initOptions } from '../helpers/authority.ts';
import { refusalOf } from './assert.ts';

const DAY = 86_400;
const options = (more: Partial<InitOptions> = {}): InitOptions => initOptions('/nowhere', more);

t.test('what is left out has good values', async (t) => {
  const settings = checkOptions(options());
  t.match(settings, {
    mode: 'internal', algorithm: 'P-256', rootLifetime: 3650 * DAY, issuingLifetime: 1825 * DAY, pathLength: 0, constraints: undefined, crlUrls: [],
    access: { issuers: [], ocsp: [] },
  });
  t.match(distinguishedNameToText(settings.rootName), /^CN=Chancery Root CA [0-9a-f]{8}$/);
  t.notSame(checkOptions(options()).rootName, settings.rootName, 'two deployments have two names');
  t.equal(checkOptions(options({ rootLifetime: 30 * DAY })).issuingLifetime, 30 * DAY, 'the issuing authority does not outlive its root');
  t.equal(checkOptions(options({ pathLength: 'unlimited' })).pathLength, undefined);
});

t.test('addresses come from the public one, or as given; OCSP only as given', async (t) => {
  t.match(checkOptions(options({ httpBase: 'http://ca.example.com:8080/' })), {
    crlUrls: ['http://ca.example.com:8080/crl/root.crl'], access: { issuers: ['http://ca.example.com:8080/ca/root.crt'], ocsp: [] },
  });
  t.match(checkOptions(options({ httpBase: 'http://ca.example.com', crlUrls: ['http://crl.example.com/a.crl'], issuerUrls: [], ocspUrls: ['http://ocsp.example.com/'] })), {
    crlUrls: ['http://crl.example.com/a.crl'], access: { issuers: [], ocsp: ['http://ocsp.example.com/'] },
  });
});

t.test('every fault is told at once', async (t) => {
  const refusal = await refusalOf(() => checkOptions(options({
    algorithm: 'P-521' as never, passphrase: '', rootSubject: 'Example', issuingSubject: 'CN=', rootLifetime: 59, issuingLifetime: 60 * 365 * DAY, httpBase: 'https://ca.example.com',
    ocspUrls: ['ocsp'], pathLength: 11, nameConstraints: { permitted: ['example.com', 'ip:10.0.0.1', 'dns:a_b..c'], excluded: ['ip:10.0.0.1/8'] },
  })));
  t.same(refusal?.faults.map(({ at }) => at), [
    'algorithm', 'passphrase', 'pathLength', 'rootLifetime', 'issuingLifetime', 'rootSubject', 'issuingSubject', 'httpBase', 'ocspUrls',
    'nameConstraints.permitted', 'nameConstraints.permitted', 'nameConstraints.permitted', 'nameConstraints.excluded',
  ]);
  t.ok(refusal?.faults.every(({ code }) => code === 'option-wrong'));
});

t.test('options that mean nothing in a mode are refused', async (t) => {
  const at = async (more: Partial<InitOptions>): Promise<unknown> => (await refusalOf(() => checkOptions(options(more))))?.faults.map((fault) => fault.at);
  t.same(await at({ mode: 'self-signed', issuingSubject: 'CN=a', issuingLifetime: DAY, crlUrls: [], issuerUrls: [], ocspUrls: [] }), ['issuingSubject', 'issuingLifetime', 'crlUrls', 'issuerUrls', 'ocspUrls']);
  t.same(await at({ mode: 'external', rootSubject: 'CN=a', rootLifetime: DAY }), ['rootSubject', 'rootLifetime']);
  t.same(await at({ mode: 'toString' as never }), ['mode']);
  t.same(await at({ rootLifetime: DAY, issuingLifetime: 2 * DAY }), ['issuingLifetime'], 'longer than the root');
  t.same(await at({ rootSubject: 'CN=a', issuingSubject: 'cn=a' }), ['issuingSubject'], 'two authorities with one name');
});
