import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { PUBLIC, writeDurably } from './authority/durable-file.ts';
import { newCredential, secretHash } from './identity/credential.ts';
import { formatEnrolmentToken } from './identity/enrolment-token.ts';
import type { Core } from './core.ts';
import type { Addresses } from './service.ts';

/** Marker file in the data folder: `serve` created this authority for development. */
export const DEVELOPMENT_MARK = 'development';

export const markDevelopment = (data: string): void =>
  writeDurably(join(data, DEVELOPMENT_MARK), 'Made by `chancery serve` for development: each start prints an enrolment token. Remove this file to end that.\n', PUBLIC);

const TTL = 86_400_000;
const USES = 100;
const PROFILE = 'server';

/** Creates an enrolment token and prints commands to try first. Only for development authorities, since a token is a secret. */
export async function tellDevelopment(core: Core, { https }: Addresses, { stdout, json }: { readonly stdout: { readonly write: (text: string) => unknown }; readonly json: boolean }): Promise<void> {
  if (https === undefined) return;
  const token = await makeToken(core);
  const root = join(core.config.data, 'root.pem');
  stdout.write(json ? `${JSON.stringify({ token, root, url: https })}\n` : lines(https, root, token));
}

async function makeToken({ store, authorities, clock }: Core): Promise<string> {
  const credential = newCredential(randomBytes);
  const now = clock();
  const record = {
    id: credential.id, secretHash: secretHash(credential.secret), profile: PROFILE, names: ['*'], uses: USES, used: 0,
    createdAt: now, expiresAt: now + TTL, createdBy: 'service:development', note: 'printed at start',
  };
  await store.tokens.create(record, undefined, [{ time: now, event: 'token.created', actor: record.createdBy, subject: record.id, details: { profile: PROFILE, names: record.names, uses: USES } }], now);
  return formatEnrolmentToken(authorities.issuing.rootDigest, credential);
}

const lines = (url: string, root: string, token: string): string => `
Development authority. Root: ${root}
Enrolment token (profile ${PROFILE}, any name, ${USES} certificates, 24 hours):

  ${token}

A certificate for your own key, in another terminal (the first line makes the key and CSR with OpenSSL):

  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout node.key -out node.csr -subj /CN=node1.example.com -addext subjectAltName=DNS:node1.example.com
  curl --cacert ${root} -H 'Authorization: Bearer ${token}' -H 'Accept: application/pem-certificate-chain' --data-binary @node.csr -H 'Content-Type: application/pkcs10' '${url}/v1/requests?profile=${PROFILE}'

Or key, CSR and certificate in one:

  ${program()} enroll --url ${url} --token ${token} --name node1.example.com --out node1

`;

/** A command line for this program that works from any folder. */
function program(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (dirname(folder) !== folder && !existsSync(join(folder, 'bin', 'chancery.mjs'))) folder = dirname(folder);
  return join(folder, 'bin', 'chancery.mjs');
}
