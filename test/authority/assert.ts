import { AuthorityError, type AuthorityErrorCode } from '../../src/authority/errors.ts';

/** The codes of all faults that an operation ends in; of none, where it succeeds. Any other error goes on. */
export async function faultsOf(work: () => unknown): Promise<AuthorityErrorCode[]> {
  return (await refusalOf(work))?.faults.map(({ code }) => code) ?? [];
}

/** The AuthorityError that an operation ends in; undefined where it succeeds. */
export async function refusalOf(work: () => unknown): Promise<AuthorityError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof AuthorityError) return error;
    throw error;
  }
}
