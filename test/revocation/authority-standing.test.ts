import { join } from 'node:path';
import t from 'tap';
import { authorityStanding, issuerOf } from '../../src/revocation/authority-standing.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { TODAY, entryFor } from '../contracts/store/samples.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';

t.test('what another process wrote is known after the next look, until then as before', async (t) => {
  const { authorities: { issuing, root, all } } = await makeTestAuthorities();
  const store = await openEmbeddedStore({ path: join(temporaryFolder('standing'), 'store') });
  t.teardown(() => store.close());
  const standing = authorityStanding(store.crls, all);
  await standing.look();
  t.equal(standing.revocationOf('issuing'), undefined);
  const { serial, notAfter } = issuing.certificate;
  await store.crls.add(issuing.name, { serial, notAfter }, { at: TODAY, reason: 'superseded' }, entryFor(serial), []);
  await standing.look();
  t.equal(standing.revocationOf('issuing'), undefined, 'its own CRL says nothing of itself');
  await store.crls.add(root.name, { serial, notAfter }, { at: TODAY, reason: 'cACompromise' }, entryFor(serial), []);
  t.equal(standing.revocationOf('issuing'), undefined);
  await standing.look();
  t.same(standing.revocationOf('issuing'), { at: TODAY, reason: 'cACompromise' });
  t.equal(standing.revocationOf('root'), undefined);
  t.same(authorityStanding(store.crls, all).revocationOf('issuing'), undefined, 'nothing is known before the first look');
});

t.test('an issuer is who signed, not who has the name', async (t) => {
  const one = (await makeTestAuthorities({ rootSubject: 'CN=Same Root' })).authorities;
  const two = (await makeTestAuthorities({ rootSubject: 'CN=Same Root' })).authorities;
  t.equal(issuerOf(one.issuing, [two.root, one.root]), one.root);
  t.equal(issuerOf(one.issuing, [two.root, one.issuing]), undefined);
  t.equal(issuerOf(one.root, one.all), undefined, 'nobody is above a root');
});
