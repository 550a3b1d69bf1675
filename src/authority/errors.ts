import type { Fault } from '../errors.ts';

/** Every way in which the authorities of a deployment cannot be made, installed or used. Stable: tests and the command line act on them. */
export type AuthorityErrorCode =
  // Making them.
  | 'already-initialised'
  | 'option-wrong'
  | 'ceremony-unverified'
  // Loading them.
  | 'not-initialised'
  | 'authority-awaits-import'
  | 'key-missing'
  | 'key-exposed'
  | 'key-unreadable'
  | 'key-unsupported'
  | 'key-mismatch'
  | 'passphrase-missing'
  | 'passphrase-wrong'
  | 'certificate-missing'
  | 'certificate-unreadable'
  // Accepting what another CA signed, and believing what is on disk.
  | 'import-unexpected'
  | 'import-unreadable'
  | 'import-key-absent'
  | 'import-ambiguous'
  | 'not-a-ca'
  | 'key-usage-lacks'
  | 'subject-empty'
  | 'subject-key-identifier-lacks'
  | 'subject-changed'
  | 'not-yet-valid'
  | 'expired'
  | 'extension-unknown'
  | 'chain-broken'
  | 'chain-algorithm-unsupported'
  | 'path-length-exceeded'
  | 'name-constraints-violated'
  // One in the place of another.
  | 'roll-unreadable'
  | 'roll-ambiguous'
  | 'roll-pending'
  | 'roll-refused'
  // Using them.
  | 'signature-wrong';

interface AuthorityFault extends Fault {
  readonly code: AuthorityErrorCode;
}

/**
 * The authorities cannot be made, installed or used. `code` is the first fault's; `faults` names all of them. Holds no
 * secrets: file names, subjects and reasons only.
 */
export class AuthorityError extends Error {
  override readonly name = 'AuthorityError';
  readonly code: AuthorityErrorCode;
  readonly detail: string;
  readonly faults: readonly AuthorityFault[];

  constructor(faults: readonly [AuthorityFault, ...AuthorityFault[]], options?: ErrorOptions) {
    const detail = faults.map((fault) => faultText(fault)).join('; ');
    super(detail, options);
    this.code = faults[0].code;
    this.detail = detail;
    this.faults = faults;
  }
}

/** A detail that says something of what it is about, as most do: `is encrypted`, `holds no certificate`. */
const PREDICATE = /^(?:is|was|has|holds|does|takes|signed|allows|ended|may|must|cannot)\b/;

/** What is wrong with what, as a sentence where it is one. `at`: another name for the same. */
export const faultText = ({ detail, at }: Fault): string => (at === undefined ? detail : `${at}${PREDICATE.test(detail) ? ' ' : ': '}${detail}`);

/** One fault, thrown. */
export function refuse(code: AuthorityErrorCode, detail: string, at?: string, options?: ErrorOptions): never {
  throw new AuthorityError([at === undefined ? { code, detail } : { code, detail, at }], options);
}

/** Collects faults, so that all of them are told at once. */
export class Faults {
  readonly #list: AuthorityFault[] = [];

  add(code: AuthorityErrorCode, detail: string, at?: string): void {
    this.#list.push(at === undefined ? { code, detail } : { code, detail, at });
  }

  /** Runs `work`; an AuthorityError of it is kept with the others, and undefined is the result. */
  catch<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof AuthorityError)) throw error;
      this.#list.push(...error.faults);
      return undefined;
    }
  }

  get any(): boolean {
    return this.#list.length > 0;
  }

  /** @throws AuthorityError with every fault, where there is one */
  check(): void {
    const [first, ...rest] = this.#list;
    if (first !== undefined) throw new AuthorityError([first, ...rest]);
  }
}
