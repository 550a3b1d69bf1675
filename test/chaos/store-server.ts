import type { Revocation } from '../../src/issuance/request.ts';
import { entryFor } from '../contracts/store/samples.ts';
import { openByUrl } from './open-store.ts';

/** The other end of `other-process.ts`: does with the store what it is told, until its parent lets go. */
interface Order {
  readonly id: number;
  readonly method: string;
  readonly parameters: readonly unknown[];
}

const store = await openByUrl(process.argv[2] ?? '');

async function carryOut(method: string, parameters: readonly unknown[]): Promise<unknown> {
  if (method === 'certificates.revoke') {
    const [serial, revocation] = parameters as [string, Revocation];
    return store.certificates.revoke(serial, revocation, entryFor(serial), { blockKey: false }, []);
  }
  const [part, name] = method.includes('.') ? method.split('.') : [undefined, method];
  const owner = (part === undefined ? store : store[part as 'requests']) as unknown as Readonly<Record<string, (...all: readonly unknown[]) => Promise<unknown>>>;
  return owner[name ?? '']?.(...parameters);
}

process.on('message', ({ id, method, parameters }: Order) => {
  carryOut(method, parameters).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.on('disconnect', () => void store.close());
