import type { Authority } from '../../authority/authority.ts';
import { refusal } from '../../issuance/issue.ts';
import type { RequestRecord, Step } from '../../issuance/request.ts';
import { encodePem } from '../../x509/pem.ts';
import { type Problem, problemOf } from '../problem.ts';

/** A request as the API presents it. */
export interface RequestJson {
  readonly id: string;
  readonly state: RequestRecord['state'];
  readonly profile: string;
  readonly authority: string;
  readonly requester: RequestRecord['requester'];
  readonly names: readonly string[];
  readonly steps: readonly StepJson[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly approvals?: { readonly given: number; readonly needed: number };
  readonly serial?: string;
  readonly certificate?: string;
  readonly chain?: readonly string[];
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly problem?: Problem;
}

export interface StepJson extends Omit<Step, 'time'> {
  readonly time: string;
}

/** The authorities' chains in PEM, encoded once. */
export type ChainOf = (authority: string) => readonly string[];

/** @returns the chain of each authority's certificates, issuer first, without the root */
export function chainsOf(authorities: Iterable<Pick<Authority, 'name' | 'leafChain'>>): ChainOf {
  const chains = new Map<string, readonly string[]>();
  for (const { name, leafChain } of authorities) chains.set(name, leafChain.map((certificate) => encodePem('CERTIFICATE', certificate)));
  return (authority) => chains.get(authority) ?? [];
}

export const secondsToIso = (seconds: number): string => millisecondsToIso(seconds * 1000);

/** Formatted times are cached, since responses of the same moment share a few. */
const KEPT_TIMES = 64;
const timeTexts = new Map<number, string>();

export function millisecondsToIso(milliseconds: number): string {
  let text = timeTexts.get(milliseconds);
  if (text === undefined) {
    text = new Date(milliseconds).toISOString();
    if (timeTexts.size === KEPT_TIMES) timeTexts.clear();
    timeTexts.set(milliseconds, text);
  }
  return text;
}

export const stepView = ({ name, outcome, reason, time }: Step): StepJson => ({ name, outcome, reason, time: millisecondsToIso(time) });

export function requestView(record: RequestRecord, chainOf: ChainOf): RequestJson {
  const { id, state, profile, authority, requester, names, certificate, notBefore, notAfter, metadata } = record;
  return {
    id, state, profile, authority, requester, names,
    steps: record.steps.map(stepView),
    createdAt: millisecondsToIso(record.createdAt),
    updatedAt: millisecondsToIso(record.updatedAt),
    ...(metadata === undefined ? {} : { metadata }),
    ...(record.approvals === undefined ? {} : { approvals: { given: record.approvals.given.length, needed: record.approvals.needed } }),
    ...(certificate === undefined ? {} : { serial: id, certificate: encodePem('CERTIFICATE', certificate), chain: chainOf(authority) }),
    ...(notBefore === undefined ? {} : { notBefore: secondsToIso(notBefore) }),
    ...(notAfter === undefined ? {} : { notAfter: secondsToIso(notAfter) }),
    ...(record.refusal === undefined ? {} : { problem: problemOf(refusal(record)) }),
  };
}
