import { Refused } from '../errors.ts';
import type { TokenRecord } from '../store/store.ts';
import { type Credential, ID_PATTERN, SECRET_PATTERN, secretMatches } from './credential.ts';
import type { Identity } from './identity.ts';

const PREFIX = 'CHYTKN-1-';
const FORM = new RegExp(`^CHYTKN-1-([0-9a-f]{64})-(${ID_PATTERN})-(${SECRET_PATTERN})$`);

/** The token as handed to a node. It contains the root's digest, so that the node needs nothing else to trust the service. */
export const formatEnrolmentToken = (rootDigest: string, { id, secret }: Credential): string => `${PREFIX}${rootDigest}-${id}-${secret}`;

export interface ParsedEnrolmentToken extends Credential {
  /** SHA-256 of the root certificate, lower-case hex. */
  readonly rootDigest: string;
}

/** The parts of a token; undefined if the text is not one. */
export function parseEnrolmentToken(text: string): ParsedEnrolmentToken | undefined {
  const [, rootDigest, id, secret] = FORM.exec(text) ?? [];
  return rootDigest === undefined || id === undefined || secret === undefined ? undefined : { rootDigest, id, secret };
}

export const isEnrolmentToken = (text: string): boolean => text.startsWith(PREFIX);

/**
 * Identifies the holder of a token, and what it grants. Whether any use is left is not checked here: a node that lost the response sends the same
 * CSR again with a used token, and the store finds the first request.
 * @throws Refused `unauthenticated`; unknown, wrong, revoked and expired tokens are indistinguishable, so that ids cannot be probed
 */
export async function identifyByEnrolmentToken(
  text: string,
  { rootDigest, get, now }: { readonly rootDigest: string; readonly get: (id: string) => Promise<TokenRecord | undefined>; readonly now: number },
): Promise<Identity> {
  const token = parseEnrolmentToken(text);
  if (token === undefined) throw new Refused('unauthenticated', 'The enrolment token is malformed; expected CHYTKN-1-<root digest>-<id>-<secret>.');
  const record = await get(token.id);
  if (record === undefined || !secretMatches(token.secret, record.secretHash) || record.revokedAt !== undefined || record.expiresAt <= now) {
    throw new Refused('unauthenticated', 'The enrolment token is unknown, revoked or expired.');
  }
  if (token.rootDigest !== rootDigest) {
    throw new Refused('unauthenticated', 'The enrolment token names another root; ask the operator for a new one.');
  }
  const { attested } = record;
  return {
    // An attested node keeps its identity across the tokens that it earns.
    ...(attested === undefined
      ? { kind: 'enrolment-token', name: record.id, proof: `enrolment token ${record.id}, made by ${record.createdBy}`, sponsor: record.createdBy }
      : { kind: 'attestation', name: attested.name, proof: attested.proof }),
    grant: {
      profiles: record.profiles ?? [record.profile],
      names: record.names,
      token: { id: record.id, uses: record.uses },
      ...(record.maxValidity === undefined ? {} : { maxValidity: record.maxValidity }),
      ...(attested === undefined ? {} : { key: attested.keyHash }),
    },
    scopes: [],
    credential: { kind: 'token', id: record.id },
  };
}
