import { Refused } from '../errors.ts';
import { FULL_GRANT, NO_GRANT } from '../policy/grant.ts';
import type { ApiKeyRecord } from '../store/store.ts';
import { type Credential, ID_PATTERN, SECRET_PATTERN, secretMatches } from './credential.ts';
import type { Identity } from './identity.ts';

const PREFIX = 'CHYKEY-1-';
const FORM = new RegExp(`^CHYKEY-1-(${ID_PATTERN})-(${SECRET_PATTERN})$`);

export const formatApiKey = ({ id, secret }: Credential): string => `${PREFIX}${id}-${secret}`;

export const isApiKey = (text: string): boolean => text.startsWith(PREFIX);

/**
 * Identifies the operator who holds the key. Only keys with scope admin may request certificates, but then of any kind.
 * @throws Refused `unauthenticated`
 */
export async function identifyByApiKey(
  text: string,
  { get, now }: { readonly get: (id: string) => Promise<ApiKeyRecord | undefined>; readonly now: number },
): Promise<Identity> {
  const [, id, secret] = FORM.exec(text) ?? [];
  if (id === undefined || secret === undefined) throw new Refused('unauthenticated', 'The API key is malformed; expected CHYKEY-1-<id>-<secret>.');
  const record = await get(id);
  if (record === undefined || !secretMatches(secret, record.secretHash) || record.revokedAt !== undefined || (record.expiresAt ?? Infinity) <= now) {
    throw new Refused('unauthenticated', 'The API key is unknown, revoked or expired.');
  }
  return {
    kind: 'api-key',
    // Names need not be unique, so the id is added to leave no doubt about who acted.
    name: `${record.name}#${record.id}`,
    proof: `API key ${record.id} (${record.name})`,
    grant: record.scopes.includes('admin') ? FULL_GRANT : NO_GRANT,
    scopes: record.scopes,
    credential: { kind: 'api-key', id: record.id },
  };
}
