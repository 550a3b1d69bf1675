import { statSync } from 'node:fs';
import { canonicalJson } from '../audit/chain.ts';
import { chainVerifier } from '../audit/verify.ts';
import { NEVER } from '../store/objects.ts';
import type { PortableItem } from '../store/transfer.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { parseCrl } from '../x509/crl.ts';
import type { Progress } from './backup.ts';
import { TransferError } from './errors.ts';
import { contentOfPortion, counted } from './frames.ts';
import type { BackupEnd, BackupHead, Tally } from './frames.ts';
import { readFrames } from './read-backup.ts';

export interface VerifiedBackup {
  readonly head: BackupHead;
  readonly end: BackupEnd;
  /** The size of the file. */
  readonly bytes: number;
  /** The authorities named in the backup. */
  readonly authorities: readonly string[];
  /** The hash of the line that was asked for, if the log contains it. */
  readonly hashAt?: string;
}

/** The number of faults reported at most. */
const FAULTS_MOST = 3;

/**
 * Reads a whole backup and checks everything that can be checked from the file alone: each octet against the digests, the chain of the log,
 * every certificate and CRL, and every count.
 * @param line a line of the log whose hash is wanted
 * @throws TransferError
 */
export async function verifyBackup(path: string, progress: Progress, line = 0): Promise<VerifiedBackup> {
  const { size } = statSync(path);
  const chain = chainVerifier();
  const found: { head?: BackupHead; end?: BackupEnd; hashAt?: string; authorities: readonly string[] } = { authorities: [] };
  let tally: Tally = { items: {}, lines: 0 };
  let last = 0;
  for await (const { frame, place } of readFrames(path)) {
    last = place.offset;
    progress(`checking ${tally.items['request'] ?? 0} requests, ${tally.lines} lines of the log`, last, size);
    if (frame.kind === 'head') found.head = frame.json;
    if (frame.kind === 'end') found.end = frame.json;
    if (frame.kind !== 'portion') continue;
    const content = contentOfPortion(frame);
    const items = [...content.items];
    for (const item of items) checkItem(item);
    for (const entry of content.entries) {
      refuseFaults(chain.check(entry).map(({ detail }) => detail));
      if (entry.sequence === line) found.hashAt = entry.hash;
    }
    tally = counted(tally, { items, entries: content.entries });
    found.authorities = frame.json.position.authorities;
  }
  const { head, end } = found;
  if (last < size) {
    throw new TransferError('damaged', `${path} is damaged ${last} octets from its start, or was cut off there`, 'take another copy of it: nothing after that point can be trusted');
  }
  if (head === undefined || end === undefined) throw new TransferError('incomplete', `${path} has no end: it was interrupted while it was made`, 'make it again');
  refuseFaults(chain.finish(end.head).map(({ detail }) => detail));
  if (canonicalJson(tally) !== canonicalJson({ items: end.items, lines: end.lines })) refuseFaults(['its counts are not those of its end']);
  return { head, end, bytes: size, authorities: found.authorities, ...(found.hashAt === undefined ? {} : { hashAt: found.hashAt }) };
}

function refuseFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw new TransferError('wrong-content', `the backup cannot be right: ${faults.slice(0, FAULTS_MOST).join('; ')}`, 'it was made that way, or changed by somebody who knows its format: use another one');
}

const NAME = /^[0-9a-f]{64}$/;
const isTime = (number: unknown): boolean => Number.isInteger(number) && Number(number) >= 0 && Number(number) <= NEVER;

function checkItem(item: PortableItem): void {
  if (item.kind === 'crl') {
    const what = `the CRL ${item.document} of ${item.authority}`;
    const { thisUpdate } = parsed(what, () => parseCrl(Buffer.from(item.crl.der)));
    if (thisUpdate !== item.crl.thisUpdate) refuseFaults([`${what} has another thisUpdate than is noted`]);
  }
  if (item.kind === 'object') {
    const { object: { kind, id, version, expires }, indexes } = item;
    if (![expires, ...indexes.map(({ order }) => order)].every(isTime) || !isTime(version) || version < 1 || !indexes.every(({ name }) => NAME.test(name))) {
      refuseFaults([`the object ${kind} ${id} has a version, end or place that cannot be`]);
    }
  }
  if (item.kind !== 'request') return;
  const { id, state, certificate } = item.record;
  if ((state === 'issued') !== (certificate !== undefined)) refuseFaults([`request ${id} is ${state} ${certificate === undefined ? 'without' : 'with'} a certificate`]);
  if (certificate === undefined) return;
  const { serial } = parsed(`certificate ${id}`, () => parseCertificate(Buffer.from(certificate)));
  if (serial !== id) refuseFaults([`the certificate of request ${id} has the serial ${serial}`]);
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new TransferError('wrong-content', `the backup cannot be right: ${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
