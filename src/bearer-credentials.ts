import type { Core } from './core.ts';
import { identifyByApiKey, isApiKey } from './identity/api-key.ts';
import type { BearerReader } from './identity/bearer.ts';
import { identifyByEnrolmentToken, isEnrolmentToken } from './identity/enrolment-token.ts';

/** Every kind of bearer credential that this deployment takes. */
export function bearerCredentials({ authorities }: Core): readonly BearerReader[] {
  const { rootDigest } = authorities.issuing;
  return [
    {
      expected: 'an enrolment token (CHYTKN-1-…)', reads: isEnrolmentToken, byRecord: true,
      identify: (credential, { tokens, now }) => identifyByEnrolmentToken(credential, { rootDigest, get: (id) => tokens.get(id), now }),
    },
    {
      expected: 'an API key (CHYKEY-1-…)', reads: isApiKey, byRecord: true,
      identify: (credential, { apiKeys, now }) => identifyByApiKey(credential, { get: (id) => apiKeys.get(id), now }),
    },
  ];
}
