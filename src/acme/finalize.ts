import { claimsKeyOf } from '../issuance/claims.ts';
import { issue } from '../issuance/issue.ts';
import type { IssueInput } from '../issuance/input.ts';
import type { RequestRecord } from '../issuance/request.ts';
import { sha256 } from '../digest.ts';
import { Refused } from '../errors.ts';
import type { Identity } from '../identity/identity.ts';
import { type CertificationRequest, parseCertificationRequest } from '../x509/csr.ts';
import { X509Error } from '../x509/errors.ts';
import { textToName } from '../x509/general-name.ts';
import type { AcmeContext } from './context.ts';
import { orderClaim, type OrderStanding, settle, settleSoon, statusOfOrder } from './order-status.ts';
import { AcmeError, type AcmeErrorType, problemIn } from './problem.ts';
import type { Account, Order } from './state/model.ts';
import type { Held } from './state/records.ts';
import type { Identifier } from './validators/validator.ts';

/** Milliseconds after which CAA is checked again before issuance (CA/Browser Forum BR 3.2.2.8: eight hours). */
const CAA_STALE = 7 * 3_600_000;
const CAA_TIME = 15_000;
/** Seconds for which an order's request is found through the order: longer than any order lives. */
const CLAIM_TIME = 60 * 86_400;

/**
 * Issues the certificate of an order through the common issuance cycle. Concurrent calls, or a repetition after a crash, find the same request through
 * the claim under which the cycle stores it; a different CSR for the same order finds that the order is complete.
 * @throws AcmeError `badCSR`, `orderNotReady`, `caa`, `rateLimited`, `serverInternal`
 */
export async function finalizeOrder(context: AcmeContext, account: Held<Account>, order: Held<Order>, csr: Uint8Array, now: number): Promise<OrderStanding> {
  const parsed = readCsr(csr);
  const standing = await statusOfOrder(context, order, now);
  if (standing.status === 'valid' || standing.status === 'processing') {
    if (await isSameKey(context, standing.order, parsed)) return standing;
    throw notReady(`The order is ${standing.status}: it has been finalized with another CSR.`);
  }
  if (standing.status !== 'ready') throw notReady(`The order is ${standing.status}; it can be finalized when it is ready.`);
  try {
    checkNames(parsed, order.value.identifiers);
    if (sha256(parsed.publicKey.der) === account.value.keyHash) throw badCsr('The CSR\'s key is the account\'s key, which must stay apart from certificates (RFC 8555 11.1).');
    await checkCaa(context, standing, now);
    const record = await issued(context, inputFor(account, order, csr));
    return await statusOfOrder(context, await settleSoon(context, order, record), now);
  } catch (error) {
    // Looked up only now: hardly any order has been finalized without knowing it.
    const earlier = await recovered(context, order, standing);
    if (earlier.status !== 'ready' && await isSameKey(context, earlier.order, parsed)) return earlier;
    throw error;
  }
}

/** Detects an order that appears ready but already has its request, because an earlier finalize could not record that. */
export async function recovered(context: AcmeContext, order: Held<Order>, standing: OrderStanding): Promise<OrderStanding> {
  const key = claimsKeyOf({ kind: 'acme', name: order.value.account }, orderClaim(order.id));
  const first = await context.store.requests.find({ claims: [key] }, context.clock());
  return first === undefined ? standing : statusOfOrder(context, await settle(context, order, first.record), context.clock());
}

function inputFor(account: Held<Account>, { id, value }: Held<Order>, csr: Uint8Array): IssueInput {
  const { identifiers, profile, notBefore, notAfter } = value;
  const names = identifiers.map((identifier) => identifier.value);
  const identity: Identity = {
    kind: 'acme', name: account.id, scopes: [],
    proof: `ACME account ${account.id}${account.value.eab === undefined ? '' : `, bound to the external account ${account.value.eab}`}; each name of order ${id} was authorized`,
    grant: { profiles: [profile], names },
    ...(account.value.sponsor === undefined ? {} : { sponsor: account.value.sponsor }),
  };
  return {
    identity, csr, profile, names, usagesLeftOut: true, idempotencyKey: orderClaim(id), idempotencyFor: CLAIM_TIME,
    ...(notBefore === undefined && notAfter === undefined ? {} : { life: { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) } }),
  };
}

function readCsr(der: Uint8Array): CertificationRequest {
  try {
    return parseCertificationRequest(der);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw badCsr(`The CSR is refused: ${error.detail}`, error);
  }
}

/** RFC 8555 7.4: exactly the order's identifiers, as subject alternative names or (as old clients do) as the common name. */
function checkNames({ names, commonName }: CertificationRequest, identifiers: readonly Identifier[]): void {
  const wanted = new Set(identifiers.map(({ type, value }) => `${type}:${value}`));
  const given = new Set(names.map(({ kind, value }) => `${kind}:${value}`));
  if (commonName !== undefined) given.add(commonNameAsName(commonName));
  const extra = [...given].filter((name) => !wanted.has(name));
  const missing = [...wanted].filter((name) => !given.has(name));
  if (extra.length + missing.length === 0) return;
  throw badCsr(`The CSR's names are not those of the order;${missing.length === 0 ? '' : ` missing: ${missing.join(', ')}`}${extra.length === 0 ? '' : `; not in the order: ${extra.join(', ').slice(0, 1024)}`}`);
}

function commonNameAsName(text: string): string {
  try {
    const { kind, value } = textToName(text);
    return `${kind}:${value}`;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return `text:${text}`;
  }
}

/** RFC 8659 4: what held at validation may not hold hours later. */
async function checkCaa(context: AcmeContext, { authorizations }: OrderStanding, now: number): Promise<void> {
  const problems = await Promise.all(authorizations.map(async (authorization) => {
    const challenge = authorization?.value.challenges.find(({ status }) => status === 'valid');
    if (authorization === undefined || challenge === undefined || (challenge.validatedAt ?? 0) > now - CAA_STALE) return [];
    const { identifier, wildcard } = authorization.value;
    const problem = await context.validators.caa({ type: challenge.type, identifier, wildcard, accountUri: challenge.accountUri ?? '' }, AbortSignal.timeout(CAA_TIME));
    return problem === undefined ? [] : [problemIn(problem.type, problem.detail, { identifier })];
  }));
  const [first, ...more] = problems.flat();
  if (first === undefined) return;
  throw new AcmeError(first.type.slice(first.type.lastIndexOf(':') + 1) as AcmeErrorType, first.detail, { subproblems: [first, ...more] });
}

/** Keeps the order's state on failure, so that it can be retried with another CSR, or later (RFC 8555 7.4). */
async function issued({ issuance }: AcmeContext, input: IssueInput): Promise<RequestRecord> {
  try {
    return await issue(issuance, input);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, retryAfter } = error;
    if (code === 'idempotency-key-reused') throw notReady('The order has been finalized with another CSR.');
    if (code === 'csr-malformed' || code === 'csr-possession') throw badCsr(error.message, error);
    if (code !== 'request-refused') throw error;
    if (retryAfter !== undefined) throw new AcmeError('rateLimited', error.message, { retryAfter, cause: error });
    throw badCsr(error.message, error);
  }
}

async function isSameKey({ store }: AcmeContext, { value }: Held<Order>, { publicKey }: CertificationRequest): Promise<boolean> {
  const record = value.request === undefined ? undefined : await store.requests.get(value.request);
  return record?.keyHash === sha256(publicKey.der);
}

const badCsr = (detail: string, cause?: unknown): AcmeError => new AcmeError('badCSR', detail, { cause });
const notReady = (detail: string): AcmeError => new AcmeError('orderNotReady', detail);
