import { PUBLIC, SECRET } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';

/**
 * How the files are named: as most programs take them; as Docker wants them in DOCKER_CERT_PATH and dockerd's options; with what a Docker client
 * is set up by.
 */
export const LAYOUTS = ['plain', 'docker', 'bundle'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Names of files within the folder. A certificate for several uses is written under the name of each. */
export interface LayoutFiles {
  readonly key: readonly string[];
  /** The certificate, then its issuers. */
  readonly certificate: readonly string[];
  readonly ca: string;
}

/** Of new files. */
export interface LayoutModes {
  readonly key: number;
  readonly certificate: number;
}

/** RFC 5280 4.2.1.12. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const CA = 'ca.pem';
const CLIENT: LayoutFiles = { key: ['key.pem'], certificate: ['cert.pem'], ca: CA };
const SERVER: LayoutFiles = { key: ['server-key.pem'], certificate: ['server-cert.pem'], ca: CA };
const BOTH: LayoutFiles = { key: ['key.pem', 'server-key.pem'], certificate: ['cert.pem', 'server-cert.pem'], ca: CA };

/** The built-in profiles, for what must be known before there is a certificate. */
const DOCKER_BY_PROFILE: Readonly<Record<string, LayoutFiles>> = { server: SERVER, client: CLIENT, node: BOTH };

/** What Docker's guide asks for (Protect the Docker daemon socket): nobody writes, and keys are for their owner. */
const READ_ONLY: LayoutModes = { key: 0o400, certificate: 0o444 };

export const modesOf = (layout: Layout): LayoutModes => (layout === 'plain' ? { key: SECRET, certificate: PUBLIC } : READ_ONLY);

/** The files that an enrolment may write: of a profile that is not known (yet), all of the layout. */
export const filesBefore = (layout: Layout, profile: string | undefined): LayoutFiles =>
  (layout === 'docker' ? DOCKER_BY_PROFILE[profile ?? ''] ?? BOTH : CLIENT);

/** The files of a certificate with these extended key usages (OIDs). Throws Failure where the layout has no place for it. */
export function filesFor(layout: Layout, extendedKeyUsage: readonly string[]): LayoutFiles {
  const [server, client] = [SERVER_AUTH, CLIENT_AUTH].map((usage) => extendedKeyUsage.includes(usage));
  if (layout === 'bundle' && client !== true) {
    throw new Failure('usage', 'a bundle is for clients, and the certificate is for servers alone', { advice: 'ask for another profile with --profile, with a token that is for it' });
  }
  if (layout !== 'docker') return CLIENT;
  return server === true ? (client === true ? BOTH : SERVER) : CLIENT;
}

/**
 * The profiles to be enrolled for with a token that is for several: for Docker one certificate of each, so that the daemon's
 * cannot pose as a client and a client's cannot pose as the daemon; for a bundle the client's. Throws Failure `usage`.
 */
export function profilesFor(layout: Layout, offered: readonly string[]): readonly string[] {
  if (layout === 'docker') return offered;
  if (layout === 'bundle' && offered.includes('client')) return ['client'];
  throw new Failure('usage', `the token is for the profiles ${offered.join(', ')}`, { advice: 'say with --profile which of them is wanted' });
}
