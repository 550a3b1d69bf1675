import type { Fault } from '../errors.ts';

/** Every way in which authorities cannot be created, installed or used. Stable, as tests and the command line act on these codes. */
export type AuthorityErrorCode =
  // Creating them.
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
  // Accepting what another CA signed, and verifying what is on disk.
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
  // Replacing one by another.
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
 * The authorities cannot be created, installed or used. `code` is that of the first fault; `faults` lists all. Contains no secrets, only file
 * names, subjects and reasons.
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

/** Matches details that are predicates, to be appended to their subject: `is encrypted`, `holds no certificate`. */
const PREDICATE = /^(?:is|was|has|holds|does|takes|signed|allows|ended|may|must|cannot)\b/;

/** A fault as text, forming a sentence if possible. `at` overrides the name of the subject. */
export const faultText = ({ detail, at }: Fault): string => (at === undefined ? detail : `${at}${PREDICATE.test(detail) ? ' ' : ': '}${detail}`);

/** Throws a single fault. */
export function refuse(code: AuthorityErrorCode, detail: string, at?: string, options?: ErrorOptions): never {
  throw new AuthorityError([at === undefined ? { code, detail } : { code, detail, at }], options);
}

/** Collects faults, so that all are reported at once. */
export class Faults {
  readonly #list: AuthorityFault[] = [];

  add(code: AuthorityErrorCode, detail: string, at?: string): void {
    this.#list.push(at === undefined ? { code, detail } : { code, detail, at });
  }

  /** Runs `work`; if it throws an AuthorityError, collects that and returns undefined. */
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

  /** @throws AuthorityError with all faults, if there are any */
  check(): void {
    const [first, ...rest] = this.#list;
    if (first !== undefined) throw new AuthorityError([first, ...rest]);
  }
}
