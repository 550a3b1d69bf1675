import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Revocation } from '../../src/issuance/request.ts';
import type { AcceptOutcome, Acceptance, RevokeOutcome } from '../../src/store/store.ts';

/** A store as another process has it open. */
export interface OtherStore {
  /** Calls a method by its path, `requests.get`; arguments and result are cloned. */
  readonly call: (method: string, ...parameters: readonly unknown[]) => Promise<unknown>;
  readonly accept: (acceptance: Acceptance) => Promise<AcceptOutcome>;
  /** With an entry of the other process's making, since a function cannot be sent. */
  readonly revoke: (serial: string, revocation: Revocation) => Promise<RevokeOutcome>;
  readonly process: ChildProcess;
  readonly end: () => Promise<void>;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Opens the store of `url` in a process of its own (`store-server.ts`). */
export async function otherProcess(url: string): Promise<OtherStore> {
  const child = fork(fileURLToPath(new URL('./store-server.js', import.meta.url)), [url], { serialization: 'advanced' });
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', ({ id, result, error }: Answer) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(result);
    else reject?.(new Error(error));
  });
  const rejectAll = (): void => waiting.forEach(({ reject }) => reject(new Error('the other process is gone')));
  void gone.then(rejectAll);
  let last = 0;
  const call = (method: string, ...parameters: readonly unknown[]): Promise<unknown> => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    child.send({ id: last, method, parameters });
  });
  await call('ping');
  return {
    call,
    accept: (acceptance) => call('requests.accept', acceptance) as Promise<AcceptOutcome>,
    revoke: (serial, revocation) => call('certificates.revoke', serial, revocation) as Promise<RevokeOutcome>,
    process: child,
    end: async () => {
      child.disconnect();
      await gone;
    },
  };
}
