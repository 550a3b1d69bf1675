import type { Store } from '../store/store.ts';

/**
 * Wraps a store such that every revocation and release by this process is reported before its caller receives the result, including those whose
 * outcome is unknown, since they may have been written. Writes by other processes are not seen here.
 */
export function tellRevocations(store: Store, changed: (serial: string) => void): Store {
  const telling = async <T>(serial: string, write: Promise<T>): Promise<T> => {
    try {
      return await write;
    } finally {
      changed(serial);
    }
  };
  const { certificates, crls } = store;
  return {
    ...store,
    certificates: {
      ...certificates,
      revoke: (serial, ...rest) => telling(serial, certificates.revoke(serial, ...rest)),
      release: (serial, ...rest) => telling(serial, certificates.release(serial, ...rest)),
    },
    crls: { ...crls, add: (authority, certificate, ...rest) => telling(certificate.serial, crls.add(authority, certificate, ...rest)) },
  };
}
