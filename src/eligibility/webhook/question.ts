import type { Passage, Question } from '../../policy/eligibility.ts';

/** Version of the question's form; a webhook refuses versions it does not know. */
const VERSION = 1;

/** The JSON that is sent; docs/eligibility.md describes each member. */
export function questionBody(webhook: string, { time, dryRun, waiting, requester, operator, profile, names, key, validity, metadata }: Question, before: readonly Passage[]): Buffer {
  return Buffer.from(JSON.stringify({
    version: VERSION, webhook, time: iso(time), dryRun,
    request: {
      ...(waiting === undefined ? {} : { id: waiting.id, waitingSince: iso(waiting.since) }),
      requester: { kind: requester.kind, name: requester.name }, operator, profile,
      names: names.map(({ kind, value }) => ({ kind, value })),
      key: { type: key.type, bits: key.bits, sha256: key.hash },
      ...(validity === undefined ? {} : { validity }),
      metadata: metadata ?? {},
    },
    steps: before.map(({ name, outcome, reason }) => ({ name, outcome, reason })),
  }));
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
