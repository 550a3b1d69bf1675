import type { KeyAlgorithm } from '../../authority/keys/generate.ts';
import type { Enrolled } from '../enrolled.ts';
import type { Layout } from '../layout.ts';

/** How to obtain a certificate that does not exist yet. */
export interface Enrolling {
  readonly url: URL;
  /** A file with an enrolment token; read when it is needed. */
  readonly tokenFile: string;
  readonly names: readonly string[];
  readonly layout: Layout;
  readonly keyType: KeyAlgorithm;
  readonly validity: string | undefined;
}

/** A folder whose certificates are kept renewed. */
export interface Entry {
  /** An absolute path. */
  readonly folder: string;
  /** Overrides the address used for enrolment. */
  readonly url: URL | undefined;
  /** Limits the entry to one profile; all if absent. */
  readonly profile: string | undefined;
  /** Run in a shell after a change. */
  readonly exec: string | undefined;
  readonly reuseKey: boolean;
  readonly enrolling: Enrolling | undefined;
}

/** Whether a certificate of the folder belongs to the entry. */
export const coveredBy = ({ profile }: Pick<Entry, 'profile'>) => (enrolled: Enrolled): boolean => profile === undefined || enrolled.profile === profile;
