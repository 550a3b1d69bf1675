import { distinguishedNameToText } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import type { PeerCertificate } from './peer-certificate.ts';
import type { AuthzRequest } from './plugin-request.ts';
import type { Rules } from './rules/rules.ts';
import type { Standing, Verdict } from './standing.ts';

/** Stable codes: logs are searched for them, and tests assert on them. */
export type DenialCode = Exclude<Verdict, 'good'> | 'certificate-malformed' | 'no-certificate' | 'rule' | 'request-malformed' | 'internal';

export type Decision =
  | { readonly allowed: true }
  /** `message` is shown to the client; the rest goes to the log. */
  | { readonly allowed: false; readonly code: DenialCode; readonly message: string; readonly who: string; readonly call: string };

export interface DecideOptions {
  readonly standing: Standing;
  /** May change while the plugin runs; undefined if every client that is not revoked may do everything. */
  readonly rules: () => Rules | undefined;
  /** For calls over a unix socket, or over TCP without client certificates. */
  readonly local: 'allow' | 'deny';
}

const MESSAGES: Readonly<Record<Exclude<Verdict, 'good'>, string>> = {
  revoked: 'the certificate is revoked',
  'issuer-revoked': 'the authority that issued the certificate is revoked',
  'issuer-unknown': 'the certificate is not from an authority that is known here',
  'crl-missing': 'there is no revocation list yet',
  'crl-stale': 'the revocation list is out of date',
  'not-yet-valid': 'the certificate is not valid yet',
  expired: 'the certificate has expired',
};

/** The longest part of a call shown in the log, in characters. */
const MOST_SHOWN = 256;

/** Decides whether a call may be made. The default is to deny: what cannot be parsed is refused. */
export const decider = ({ standing, rules, local }: DecideOptions) => ({ method, uri, certificates }: AuthzRequest): Decision => {
  // The client's own certificate; those after it are unverified claims of the client.
  const [text] = certificates;
  const call = `${method} ${uri}`.slice(0, MOST_SHOWN);
  if (text === undefined) {
    return local === 'allow' ? { allowed: true } : { allowed: false, code: 'no-certificate', message: 'a client certificate is needed', who: 'a client without certificate', call };
  }
  let peer: PeerCertificate;
  try {
    peer = standing.read(text);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return { allowed: false, code: 'certificate-malformed', message: `the certificate cannot be read: ${error.detail}`, who: 'a client', call };
  }
  const denied = (code: DenialCode, message: string): Decision => ({
    allowed: false, code, message, who: `${distinguishedNameToText(peer.certificate.subjectName)} (${peer.certificate.serial})`, call,
  });
  // 1. By the CRLs.
  const verdict = standing.judge(text);
  if (verdict !== 'good') return denied(verdict, MESSAGES[verdict]);
  // 2. By the rules.
  const ruled = rules()?.({ peer, authority: standing.issuerOf(text) }, method, uri) ?? { allowed: true };
  return ruled.allowed ? ruled : denied('rule', ruled.reason);
};

export type Decide = ReturnType<typeof decider>;
