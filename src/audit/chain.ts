import { hash } from 'node:crypto';
import type { AuditDraft, AuditEntry } from './entry.ts';

/** The end of a chain: number and hash of its newest line. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

/** The head of an empty log. */
export const EMPTY_CHAIN: ChainHead = { sequence: 0, hash: '0'.repeat(64) };

/**
 * JSON with members sorted by UTF-16 code units and without spaces, as defined by RFC 8785 (JCS) for the values that occur here: strings, finite
 * numbers, booleans, null, arrays and plain objects. Undefined members are omitted.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  let members = '';
  // By code units rather than by locale, so that the order is the same on every machine.
  for (const name of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (member !== undefined) members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/**
 * Appends `draft` after `head`: returns the line to be stored, and the new head. The line is the canonical JSON of the whole entry; its hash covers
 * the canonical JSON of everything else, including the hash of the preceding line.
 */
export function link(head: ChainHead, draft: AuditDraft): { readonly line: string; readonly head: ChainHead } {
  const sequence = head.sequence + 1;
  // Member names are fixed, so their sorted order is written out: actor, details, event, [hash], previous, sequence, subject, time.
  const details = draft.details === undefined ? '' : `"details":${canonicalJson(draft.details)},`;
  const before = `{"actor":${JSON.stringify(draft.actor)},${details}"event":${JSON.stringify(draft.event)},`;
  const after = `"previous":"${head.hash}","sequence":${sequence},"subject":${JSON.stringify(draft.subject)},"time":${JSON.stringify(draft.time)}}`;
  const digest = hash('sha256', before + after, 'hex');
  return { line: `${before}"hash":"${digest}",${after}`, head: { sequence, hash: digest } };
}

/** The hash that an entry must carry: SHA-256 of the canonical JSON of everything in it except `hash`, lower-case hex. */
export function hashOf(entry: AuditEntry): string {
  const { hash: _, ...rest } = entry;
  return hash('sha256', canonicalJson(rest), 'hex');
}

/** Parses a stored line. Whether it is genuine is checked by `verify.ts`. */
export const parseLine = (line: string): AuditEntry => JSON.parse(line) as AuditEntry;
