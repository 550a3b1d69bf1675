/** How the files are named: as most programs take them, or as Docker wants them in DOCKER_CERT_PATH and dockerd's options. */
export const LAYOUTS = ['plain', 'docker'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Names of files within the folder. A certificate for several uses is written under the name of each. */
export interface LayoutFiles {
  readonly key: readonly string[];
  /** The certificate, then its issuers. */
  readonly certificate: readonly string[];
  readonly ca: string;
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

/** The files that an enrolment may write: of a profile that is not known (yet), all of the layout. */
export const filesBefore = (layout: Layout, profile: string | undefined): LayoutFiles =>
  (layout === 'plain' ? CLIENT : DOCKER_BY_PROFILE[profile ?? ''] ?? BOTH);

/** The files of a certificate with these extended key usages (OIDs). */
export function filesFor(layout: Layout, extendedKeyUsage: readonly string[]): LayoutFiles {
  if (layout === 'plain') return CLIENT;
  const server = extendedKeyUsage.includes(SERVER_AUTH);
  if (server && extendedKeyUsage.includes(CLIENT_AUTH)) return BOTH;
  return server ? SERVER : CLIENT;
}
