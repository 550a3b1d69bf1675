import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { join } from 'node:path';
import { OAuth2Server } from 'oauth2-mock-server';
import type { Test } from 'tap';
import { temporaryFolder } from '../../helpers/folder.ts';
import { openssl } from '../../helpers/openssl.ts';

export const AUDIENCE = 'https://ca.example.com';

export type Claims = Readonly<Record<string, unknown>>;

/** A real issuer over real HTTPS, whose certificate is under a root of its own. */
export interface TestIssuer {
  readonly url: string;
  /** File of the root, PEM. */
  readonly ca: string;
  readonly server: OAuth2Server;
  /** Its own token, signed by its own code; `claims` beside and over the usual ones. */
  readonly token: (claims?: Claims, kid?: string) => Promise<string>;
  /** Claims of a good token. */
  readonly claims: (over?: Claims) => Claims;
  readonly down: () => Promise<void>;
  readonly up: () => Promise<void>;
}

let authority: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;

/** A root, and a server's certificate for localhost and 127.0.0.1 under it; files. */
export function httpsFiles(): { readonly ca: string; readonly cert: string; readonly key: string } {
  if (authority !== undefined) return authority;
  const folder = temporaryFolder('issuer');
  const file = (name: string): string => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Issuer test root', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE');
  openssl('req', '-new', ...key, '-keyout', file('https.key'), '-out', file('https.csr'), '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  openssl('x509', '-req', '-in', file('https.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-out', file('https.pem'), '-days', '2', '-copy_extensions', 'copy');
  return (authority = { ca: file('ca.pem'), cert: file('https.pem'), key: file('https.key') });
}

export async function startIssuer(t: Pick<Test, 'teardown'>, { algorithms = ['RS256'] }: { readonly algorithms?: readonly string[] } = {}): Promise<TestIssuer> {
  const { ca, cert, key } = httpsFiles();
  const server = new OAuth2Server(key, cert);
  for (const algorithm of algorithms) await server.issuer.keys.generate(algorithm, { kid: algorithm.toLowerCase() });
  await server.start(0, 'localhost');
  const { port } = server.address();
  // With the port of today for ever, also after an outage.
  const url = `https://localhost:${port}`;
  server.issuer.url = url;
  t.teardown(async () => {
    if (server.listening) await server.stop();
  });
  const claims = (over: Claims = {}): Claims => {
    const now = Math.floor(Date.now() / 1000);
    return { iss: url, aud: AUDIENCE, sub: 'repo:octo-org/site:ref:refs/heads/main', iat: now, nbf: now - 5, exp: now + 300, jti: `${now}-${Math.random()}`, ...over };
  };
  return {
    url, ca, server, claims,
    token: (over = {}, kid) => server.issuer.buildToken({
      ...(kid === undefined ? {} : { kid }),
      scopesOrTransform: (_header, payload) => {
        for (const name of Object.keys(payload)) delete payload[name];
        Object.assign(payload, Object.fromEntries(Object.entries(claims(over)).filter(([, value]) => value !== undefined)));
      },
    }),
    down: async () => {
      await server.stop();
      server.issuer.url = url;
    },
    up: async () => {
      await server.start(port, 'localhost');
      server.issuer.url = url;
    },
  };
}

const b64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token made by hand, header and payload as they are given: objects, or texts that are to be exactly so. */
export function handMade(header: unknown, payload: unknown, signer: (input: Buffer) => Buffer): string {
  const input = `${b64(header)}.${b64(payload)}`;
  return `${input}.${signer(Buffer.from(input)).toString('base64url')}`;
}

export const rs256 = (key: KeyObject) => (input: Buffer): Buffer => sign('sha256', input, key);
export const es256 = (key: KeyObject) => (input: Buffer): Buffer => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });

/** The private key of an issuer by its name. */
export function keyOf({ server }: TestIssuer, kid: string): KeyObject {
  const jwk = server.issuer.keys.toJSON(true).find((one) => one.kid === kid);
  return createPrivateKey({ key: jwk as unknown as JsonWebKey, format: 'jwk' });
}

export const foreignKey = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
