import { randomBytes } from 'node:crypto';
import t from 'tap';
import { pemInSlices } from '../../src/revocation/large-pem.ts';
import { encodePem } from '../../src/x509/pem.ts';

t.test('in slices it is the same text, at every rest of a line and of a slice', async (t) => {
  for (const size of [1, 2, 3, 47, 48, 49, 95, 96, 97, 48 * 8192 - 1, 48 * 8192, 48 * 8192 + 1, 2 * 48 * 8192 + 5, 3_000_000]) {
    const der = randomBytes(size);
    t.equal((await pemInSlices('X509 CRL', der)).toString('latin1') === encodePem('X509 CRL', der), true, `${size} octets`);
  }
});
