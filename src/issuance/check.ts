import { sha256 } from '../digest.ts';
import { Refused } from '../errors.ts';
import { type Identity, mayAsk, requesterKey } from '../identity/identity.ts';
import type { Facts, Question } from '../policy/eligibility.ts';
import { cheapKeyFaults } from '../policy/key-strength.ts';
import { type Quota, quotaKey } from '../policy/steps/quota.ts';
import { type CertificationRequest, parseCertificationRequest, verifyPossession } from '../x509/csr.ts';
import { X509Error } from '../x509/errors.ts';
import { type NamedCandidate, candidateFrom } from './candidate.ts';
import type { Inquiry, IssuanceContext, IssuingProfile } from './context.ts';
import type { IssueInput } from './input.ts';
import type { Step } from './request.ts';
import { runSteps, type StepsRun } from './run-steps.ts';

/** A request whose CSR is well formed: what it asks for, under which profile. */
export interface Checked {
  readonly issuing: IssuingProfile;
  readonly candidate: NamedCandidate;
  readonly csr: CertificationRequest;
  readonly keyHash: string;
  /** False if the key was refused on sight, so that its signature was not worth verifying. */
  readonly possessionProved: boolean;
}

/**
 * Parses the CSR and verifies proof of possession of its key.
 * @throws Refused `forbidden`, `csr-malformed`, `csr-possession`, `profile-unknown`, `profile-missing`
 */
export function check(context: IssuanceContext, input: IssueInput): Checked {
  // An identity that may not ask for anything leaves no record behind.
  if (!mayAsk(input.identity)) throw new Refused('forbidden', `${requesterKey(input.identity)} may not request certificates: ${input.identity.refusal ?? 'expected an enrolment token or scope admin'}.`);
  const profileName = input.profile ?? defaultProfile(context, input.identity);
  const issuing = context.profiles.get(profileName);
  if (issuing === undefined) {
    throw new Refused('profile-unknown', `There is no profile ${JSON.stringify(profileName)}; expected one of ${[...context.profiles.keys()].join(', ')}.`);
  }
  try {
    const csr = parseCertificationRequest(input.csr);
    const candidate = candidateFrom({ csr, profile: issuing.profile, grant: input.identity.grant, names: input.names, namesReplace: input.namesReplace, usagesLeftOut: input.usagesLeftOut, subject: input.subject, validity: validityOf(context, input), life: input.life });
    // A key of absurd size or exponent never reaches signature verification; the key step refuses it.
    const possessionProved = cheapKeyFaults(csr.publicKey, { keyTypes: issuing.profile.keyTypes }).length === 0;
    if (possessionProved) verifyPossession(csr);
    return { issuing, candidate, csr, keyHash: sha256(csr.publicKey.der), possessionProved };
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    const code = error.code === 'bad-signature' ? 'csr-possession' : 'csr-malformed';
    throw new Refused(code, `The CSR is refused: ${error.detail}`, { cause: error, faults: [{ code: error.code, detail: error.detail, at: 'csr' }] });
  }
}

/** The validity requested, in seconds, however it was expressed. */
function validityOf({ clock }: IssuanceContext, { validity, life }: IssueInput): number | undefined {
  return life?.notAfter === undefined ? validity : life.notAfter + 1 - (life.notBefore ?? Math.floor(clock() / 1000));
}

/** The only profile the identity may ask for, or the deployment's default. The holder of a token for several profiles must choose. */
function defaultProfile(context: IssuanceContext, { grant }: Identity): string {
  const [only, ...others] = grant.profiles === 'any' ? [] : grant.profiles;
  if (only !== undefined && others.length > 0 && grant.token !== undefined) {
    const profiles = [only, ...others];
    throw new Refused('profile-missing', `The enrolment token is for several profiles; expected one of ${profiles.join(', ')}.`, {
      faults: profiles.map((profile) => ({ code: 'profile', detail: profile, at: '/profile' })),
    });
  }
  return only !== undefined && others.length === 0 ? only : context.defaultProfile;
}

/** The keys of authorities count as blocked too. */
export const BLOCKED = 'the key is on the block list; make a new key';

/** The outcome of every step, and the ownership inquiry whose changes are stored along with the certificate. */
export interface Judged extends StepsRun {
  readonly inquiry: Inquiry | undefined;
}

/**
 * Runs every step and records its outcome: first how identity and key were proved, then the configured steps.
 * @param lookFirst whether to consult the store; if not, the write itself will find out
 */
export async function stepsFor(context: IssuanceContext, input: StepsInput, checked: Checked, now: number, lookFirst: boolean): Promise<Judged> {
  const { identity } = input;
  const { candidate, keyHash, possessionProved } = checked;
  const known: Step[] = [
    { name: 'identity', outcome: 'passed', reason: identity.proof, time: now },
    possessionProved
      ? { name: 'possession', outcome: 'passed', reason: 'the CSR is signed with its own key', time: now }
      : { name: 'possession', outcome: 'failed', reason: 'not verified: the key is refused', time: now },
  ];
  const { key } = candidate.grant;
  if (key !== undefined && key !== keyHash) known.push({ name: 'bound-key', outcome: 'failed', reason: 'the proof was for another key than that of the CSR; expected the key of the challenge', time: now });
  if (lookFirst ? await context.isBlocked(keyHash) : context.isKnownBlocked(keyHash)) known.push({ name: 'block-list', outcome: 'failed', reason: BLOCKED, time: now });
  const inquiry = context.ownership?.ask(ownerOf(input));
  const facts: Facts = {
    question: () => questionOf(input, checked, now),
    heldByOthers: (kind, what) => (inquiry === undefined ? Promise.resolve([]) : inquiry.heldByOthers(kind, what, now)),
    ...(lookFirst && context.quota !== undefined ? { quotaUsed: quotaUsed(context, context.quota, input, checked, now) } : {}),
  };
  return { ...await runSteps(context.steps, candidate, facts, known, context), inquiry };
}

type StepsInput = Pick<IssueInput, 'identity' | 'owner' | 'metadata'> & { readonly dryRun?: boolean };

/** The owner of the certificate's names and key; a renewal keeps the previous owner. */
export const ownerOf = ({ identity, owner }: Pick<IssueInput, 'identity' | 'owner'>): string => owner ?? requesterKey(identity);

const quotaUsed = ({ store }: IssuanceContext, quota: Quota, { identity }: StepsInput, { issuing }: Checked, now: number) => (window: number): Promise<number> =>
  store.quotaUsed(quotaKey(quota, requesterKey(identity), issuing.profile.name), window, now);

function questionOf({ identity: { kind, name, grant }, metadata, dryRun = false }: StepsInput, { issuing, candidate, keyHash }: Checked, time: number): Question {
  const { names, publicKey, validity } = candidate;
  return {
    requester: { kind, name }, operator: grant.operator === true, profile: issuing.profile.name, names, key: { type: publicKey.type, bits: publicKey.bits, hash: keyHash }, time, dryRun,
    ...(validity === undefined ? {} : { validity }), ...(metadata === undefined ? {} : { metadata }),
  };
}
