import { hash } from 'node:crypto';
import type { AuditDraft, AuditEntry } from './entry.ts';

/** Where a chain stands: the newest line's number and hash. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

/** The head of an empty log. */
export const EMPTY_CHAIN: ChainHead = { sequence: 0, hash: '0'.repeat(64) };

/**
 * JSON with the members sorted by their UTF-16 code units and no spaces, as RFC 8785 (JCS) has it for the values that occur here:
 * strings, finite numbers, booleans, null, arrays and plain objects. Undefined members are left out.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  let members = '';
  // By code units, not by locale: the same order on every machine.
  for (const name of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (member !== undefined) members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/**
 * The line of `draft` behind `head`, as it is stored, and the head that it makes. The line is the canonical JSON of the whole entry;
 * its hash covers the canonical JSON of all else, the hash of the line before included.
 */
export function link(head: ChainHead, draft: AuditDraft): { readonly line: string; readonly head: ChainHead } {
  const sequence = head.sequence + 1;
  // The members' names are fixed, so their sorted order is written out: actor, details, event, [hash], previous, sequence, subject, time.
  const details = draft.details === undefined ? '' : `"details":${canonicalJson(draft.details)},`;
  const before = `{"actor":${JSON.stringify(draft.actor)},${details}"event":${JSON.stringify(draft.event)},`;
  const after = `"previous":"${head.hash}","sequence":${sequence},"subject":${JSON.stringify(draft.subject)},"time":${JSON.stringify(draft.time)}}`;
  const digest = hash('sha256', before + after, 'hex');
  return { line: `${before}"hash":"${digest}",${after}`, head: { sequence, hash: digest } };
}

/** The hash that an entry must carry: SHA-256 over the canonical JSON of everything in it but `hash`, lower-case hex. */
export function hashOf(entry: AuditEntry): string {
  const { hash: _, ...rest } = entry;
  return hash('sha256', canonicalJson(rest), 'hex');
}

/** A stored line as an entry. Whether it is genuine is for `verify.ts` to say. */
export const parseLine = (line: string): AuditEntry => JSON.parse(line) as AuditEntry;
