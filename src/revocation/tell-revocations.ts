import type { Store } from '../store/store.ts';

/**
 * The same store, which tells of every revocation and release that this process writes before whoever wrote it has an answer: also of
 * one whose outcome is not known, for it may have been written. What other processes write is not seen here.
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
