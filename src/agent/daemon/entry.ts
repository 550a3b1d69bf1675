import type { KeyAlgorithm } from '../../authority/keys/generate.ts';
import type { Enrolled } from '../enrolled.ts';
import type { Layout } from '../layout.ts';

/** How a certificate that is not there yet is got. */
export interface Enrolling {
  readonly url: URL;
  /** A file that holds an enrolment token; read when it is needed. */
  readonly tokenFile: string;
  readonly names: readonly string[];
  readonly layout: Layout;
  readonly keyType: KeyAlgorithm;
  readonly validity: string | undefined;
}

/** A folder whose certificates are kept renewed. */
export interface Entry {
  /** Absolute. */
  readonly folder: string;
  /** Another address than the one that was enrolled with. */
  readonly url: URL | undefined;
  /** Only those of this profile; all where absent. */
  readonly profile: string | undefined;
  /** Run in the shell after a change. */
  readonly exec: string | undefined;
  readonly reuseKey: boolean;
  readonly enrolling: Enrolling | undefined;
}

/** Whether a certificate of the folder is the entry's. */
export const coveredBy = ({ profile }: Pick<Entry, 'profile'>) => (enrolled: Enrolled): boolean => profile === undefined || enrolled.profile === profile;
