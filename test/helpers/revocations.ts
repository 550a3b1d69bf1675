import { join } from 'node:path';
import type { Test } from 'tap';
import type { Authority } from '../../src/authority/authority.ts';
import type { CrlSchedule } from '../../src/revocation/crl-documents.ts';
import { type CrlPublisher, crlPublisher } from '../../src/revocation/crl-publisher.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import type { CrlDocument } from '../../src/store/crl-store.ts';
import type { Store } from '../../src/store/store.ts';
import { decodeCrlNumber, decodeIssuingDistributionPoint } from '../../src/x509/crl-extensions.ts';
import { type Crl, encodeRevokedEntry, parseCrl, revokedEntries } from '../../src/x509/crl.ts';
import { decodeCrlDistributionPoints } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { put, record } from '../contracts/store/samples.ts';
import { makeTestAuthorities, systemClock } from './authority.ts';
import { temporaryFolder } from './folder.ts';

export const FOLDER = 'http://ca.example.com/crl/issuing/';
export const DAY = 86_400;

/** A document as a relying party reads it. */
export interface ReadCrl {
  readonly crl: Crl;
  readonly number: bigint;
  /** Serial -> reason. */
  readonly entries: ReadonlyMap<string, RevocationReason>;
  readonly base: bigint | undefined;
  readonly at: readonly string[] | undefined;
  readonly freshest: readonly string[] | undefined;
}

export function readDocument(der: Uint8Array): ReadCrl {
  const crl = parseCrl(new Uint8Array(der));
  const value = <T>(oid: string, decode: (bytes: Uint8Array) => T): T | undefined => {
    const found = crl.extensions.find((one) => one.oid === oid);
    return found === undefined ? undefined : decode(found.value);
  };
  const entries = new Map<string, RevocationReason>();
  for (const { serial, reason } of revokedEntries(crl)) {
    if (entries.has(serial)) throw new Error(`${serial} is listed twice`);
    entries.set(serial, reason);
  }
  return {
    crl, entries, number: value(OID.cRLNumber, decodeCrlNumber) ?? 0n, base: value(OID.deltaCRLIndicator, decodeCrlNumber),
    at: value(OID.issuingDistributionPoint, (bytes) => decodeIssuingDistributionPoint(bytes).urls), freshest: value(OID.freshestCRL, decodeCrlDistributionPoints),
  };
}

/** What a relying party knows from a base CRL after applying a delta CRL (RFC 5280 sections 5.2.4 and 6.3.3). */
export function apply(base: ReadCrl, delta: ReadCrl): Map<string, RevocationReason> {
  if (delta.base === undefined || base.number < delta.base || base.number > delta.number) throw new Error(`delta ${delta.number} is against ${delta.base}, not ${base.number}`);
  const known = new Map(base.entries);
  for (const [serial, reason] of delta.entries) {
    if (reason === 'removeFromCRL') known.delete(serial);
    else known.set(serial, reason);
  }
  return known;
}

/** An authority with a store, a publisher, and a manually advanced clock. */
export interface Revocations {
  readonly store: Store;
  readonly authority: Authority;
  readonly publisher: CrlPublisher;
  /** A publisher like that of another process: it shares only the store. */
  readonly another: (schedule?: Partial<CrlSchedule>) => CrlPublisher;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly pass: (seconds: number) => void;
  /** Issues a certificate that expires after this many seconds. */
  readonly issue: (lives?: number) => Promise<string>;
  readonly revoke: (serial: string, reason: RevocationReason) => Promise<void>;
  readonly release: (serial: string) => Promise<void>;
  readonly read: (document: CrlDocument) => Promise<ReadCrl | undefined>;
  readonly keepShards: (count: number, lives?: number) => Promise<void>;
  /** Publishes until nothing is due, advancing the clock by a second each time. */
  readonly settle: () => Promise<void>;
}

export async function revocations(t: Test, schedule: Partial<CrlSchedule> = {}): Promise<Revocations> {
  const { authorities } = await makeTestAuthorities();
  const store = await openEmbeddedStore({ path: join(temporaryFolder(), 'store') });
  t.teardown(() => store.close());
  const authority = authorities.issuing;
  let now = systemClock();
  const clock = (): number => now * 1000;
  const another: Revocations['another'] = (more = {}) => crlPublisher({
    store: store.crls, clock, folderOf: () => FOLDER, scheduleOf: () => ({ lifetime: 7 * DAY, renewBefore: 5 * DAY, ...schedule, ...more }),
  }, authority);
  const publisher = another();
  return {
    store, authority, publisher, another,
    now: () => now,
    pass: (seconds) => void (now += seconds),
    issue: async (lives = DAY) => (await put(store, record({ notAfter: now + lives }))).id,
    revoke: async (serial, reason) => {
      const { outcome } = await store.certificates.revoke(serial, { at: now, reason }, (at) => encodeRevokedEntry({ serial, at, reason }), { blockKey: false }, []);
      if (outcome !== 'revoked') throw new Error(`${serial}: ${outcome}`);
    },
    release: async (serial) => {
      const { outcome } = await store.certificates.release(serial, now, (at) => encodeRevokedEntry({ serial, at, reason: 'removeFromCRL' }), []);
      if (outcome !== 'released') throw new Error(`${serial}: ${outcome}`);
    },
    read: async (document) => {
      const found = await store.crls.current(authority.name, document);
      if (found === undefined) return undefined;
      const read = readDocument(found.der);
      verifySignature(read.crl, authority.certificate.publicKey);
      return read;
    },
    keepShards: (count, lives = 10 * DAY) => store.crls.keepShards(authority.name, { count, until: now + lives, addresses: [FOLDER] }),
    settle: async () => {
      for (let times = 0; await publisher.isDue(); times += 1) {
        now += 1;
        await publisher.publish('test', true);
        if (times > 10) throw new Error('there is always something due');
      }
    },
  };
}
