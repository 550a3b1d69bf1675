import { X509Error } from '../../x509/errors.ts';
import { decodePem } from '../../x509/pem.ts';
import { type Attestor, unproved } from './attestor.ts';
import { readPresented, type Trust, trustedPath } from './certification-path.ts';
import { PathError } from './path-error.ts';
import { attestedBy } from './x509-attributes.ts';

/**
 * Proof by a certificate of another CA, presented in TLS, which has proved possession of its key. Intermediates come with it, or in `chain`
 * (PEM), since a resumed TLS session only shows the leaf.
 */
export function x509Attestor(trust: Trust): Attestor {
  return {
    kind: 'x509',
    demands: () => ({}),
    attest: ({ proof, presented, now }) => {
      if (presented.length === 0) throw unproved('x509', 'the connection carries no client certificate');
      try {
        const chain = readPresented([...presented, ...(proof['chain'] === undefined ? [] : decodePem(proof['chain'], 'CERTIFICATE'))]);
        return attestedBy(chain[0], trustedPath(chain, trust, now), 'its key was proved in TLS');
      } catch (error) {
        throw error instanceof PathError || error instanceof X509Error ? unproved('x509', error instanceof X509Error ? error.detail : error.message, error) : error;
      }
    },
  };
}
