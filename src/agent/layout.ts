import { PUBLIC, SECRET } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';

/**
 * How the files are named: as most programs expect them; as Docker does in DOCKER_CERT_PATH and in dockerd's options; or the latter with
 * scripts that set up a Docker client.
 */
export const LAYOUTS = ['plain', 'docker', 'bundle'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Names of files within the folder. A certificate for several uses is written under each of its names. */
export interface LayoutFiles {
  readonly key: readonly string[];
  /** The certificate followed by its issuers. */
  readonly certificate: readonly string[];
  readonly ca: string;
}

/** The modes of new files. */
export interface LayoutModes {
  readonly key: number;
  readonly certificate: number;
}

/** id-kp-serverAuth and id-kp-clientAuth, RFC 5280 section 4.2.1.12. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const CA = 'ca.pem';
const CLIENT: LayoutFiles = { key: ['key.pem'], certificate: ['cert.pem'], ca: CA };
const SERVER: LayoutFiles = { key: ['server-key.pem'], certificate: ['server-cert.pem'], ca: CA };
const BOTH: LayoutFiles = { key: ['key.pem', 'server-key.pem'], certificate: ['cert.pem', 'server-cert.pem'], ca: CA };

/** For the built-in profiles: file names needed before there is a certificate. */
const DOCKER_BY_PROFILE: Readonly<Record<string, LayoutFiles>> = { server: SERVER, client: CLIENT, node: BOTH };

/** The modes of Docker's guide (Protect the Docker daemon socket): nobody may write, and keys are readable by their owner only. */
const READ_ONLY: LayoutModes = { key: 0o400, certificate: 0o444 };

export const modesOf = (layout: Layout): LayoutModes => (layout === 'plain' ? { key: SECRET, certificate: PUBLIC } : READ_ONLY);

/** The files that an enrolment may write: for a profile that is not known (yet), all files of the layout. */
export const filesBefore = (layout: Layout, profile: string | undefined): LayoutFiles =>
  (layout === 'docker' ? DOCKER_BY_PROFILE[profile ?? ''] ?? BOTH : CLIENT);

/** The files of a certificate with these extended key usages (OIDs). Throws Failure if the layout has no place for it. */
export function filesFor(layout: Layout, extendedKeyUsage: readonly string[]): LayoutFiles {
  const [server, client] = [SERVER_AUTH, CLIENT_AUTH].map((usage) => extendedKeyUsage.includes(usage));
  if (layout === 'bundle' && client !== true) {
    throw new Failure('usage', 'a bundle is for clients, and the certificate is only for servers', { advice: 'choose another profile with --profile, and a token for it' });
  }
  if (layout !== 'docker') return CLIENT;
  return server === true ? (client === true ? BOTH : SERVER) : CLIENT;
}

/**
 * The profiles to enrol for with a token that covers several: for Docker one certificate of each, so that the daemon's cannot pose as a
 * client, nor a client's as the daemon; for a bundle the client's. Throws Failure `usage`.
 */
export function profilesFor(layout: Layout, offered: readonly string[]): readonly string[] {
  if (layout === 'docker') return offered;
  if (layout === 'bundle' && offered.includes('client')) return ['client'];
  throw new Failure('usage', `the token is for the profiles ${offered.join(', ')}`, { advice: 'say with --profile which of them is wanted' });
}
