import { setTimeout } from 'node:timers/promises';
import type { Authority } from '../authority/authority.ts';
import { sha256 } from '../digest.ts';
import { lintCrl } from '../policy/lints.ts';
import type { CrlStore, PublishedCrl, RevocationChange } from '../store/store.ts';
import { assembleCrl, encodeTbsCrl } from '../x509/crl.ts';
import { cRLNumber } from '../x509/crl-extensions.ts';
import { authorityKeyIdentifier } from '../x509/extensions.ts';

export interface CrlSchedule {
  /** From thisUpdate to nextUpdate, seconds. */
  readonly lifetime: number;
  /** How long before nextUpdate the next one is published, seconds. */
  readonly renewBefore: number;
}

export interface CrlContext {
  readonly store: CrlStore;
  readonly scheduleOf: (authority: Authority) => CrlSchedule;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const TRIES = 5;
/** Changes read at once. */
const PAGE = 2000;

/** True when the authority's CRL must be published: there is none, it misses a revocation, or its end is near. */
export async function crlIsDue({ store, scheduleOf, clock }: CrlContext, authority: Authority): Promise<boolean> {
  const head = await store.head(authority.name, 'full');
  if (head === undefined) return true;
  const { renewBefore } = scheduleOf(authority);
  return head.nextUpdate - clock() / 1000 <= renewBefore || (await store.standing(authority.name)).revision > head.revision;
}

/**
 * Publishes the authority's CRL as the revocations stand now. Several processes may do so at once: the store takes a number
 * once, and whoever comes second looks whether anything is left to publish.
 * @returns the CRL that stands
 */
export async function publishCrl(context: CrlContext, authority: Authority, actor: string): Promise<PublishedCrl> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const { crl, drop } = await nextCrl(context, authority);
    const details = { number: crl.number.toString(), nextUpdate: crl.nextUpdate, etag: crl.etag };
    const outcome = await context.store.publish(authority.name, new Map([['full', crl]]), [
      { time: context.clock(), event: 'crl.published', actor, subject: authority.name, details },
    ]);
    if (outcome === 'stored') {
      await context.store.drop(authority.name, drop);
      return crl;
    }
    const current = await context.store.current(authority.name, 'full');
    if (current !== undefined && !(await crlIsDue(context, authority))) return current;
  }
  throw new Error(`CRL of ${authority.name}: superseded ${TRIES} times in a row`);
}

async function nextCrl({ store, scheduleOf, clock }: CrlContext, authority: Authority): Promise<{ readonly crl: PublishedCrl; readonly drop: readonly string[] }> {
  if (authority.signingKey === undefined) throw new Error(`authority ${authority.name} has no key here to sign its CRL`);
  const head = await store.head(authority.name, 'full');
  // Times of HTTP and of CRLs count whole seconds: two CRLs of one second would be the same to `If-Modified-Since`.
  if (head?.thisUpdate === Math.floor(clock() / 1000)) await setTimeout(1000 - (clock() % 1000));
  const { revision, changes } = await allChanges(store, authority.name);
  const entries = changes.filter(({ reason }) => reason !== 'removeFromCRL');
  // RFC 5280 3.3: an entry leaves only after it was on a CRL issued after its certificate ended.
  const listed = head === undefined ? entries : entries.filter((entry) => entry.revision > head.revision || entry.notAfter >= head.thisUpdate);
  const thisUpdate = Math.max(Math.floor(clock() / 1000), (head?.thisUpdate ?? -1) + 1);
  const nextUpdate = thisUpdate + scheduleOf(authority).lifetime;
  const number = (head?.number ?? 0n) + 1n;
  const tbs = encodeTbsCrl({
    algorithm: authority.signatureAlgorithm.der,
    issuer: authority.certificate.subject,
    thisUpdate,
    nextUpdate,
    entries: listed.map(({ der }) => der),
    extensions: [authorityKeyIdentifier(authority.subjectKeyId), cRLNumber(number)],
  });
  const linted = lintCrl(tbs, { issuer: authority.certificate });
  const der = assembleCrl(tbs, authority.signatureAlgorithm.der, await authority.signingKey.sign(linted));
  const etag = `"${number.toString(16)}-${sha256(der).slice(0, 16)}"`;
  const drop = changes.filter(({ reason, notAfter }) => reason === 'removeFromCRL' || notAfter < thisUpdate).map(({ serial }) => serial);
  return { crl: { der, number, etag, thisUpdate, nextUpdate, revision, entries: listed.length }, drop };
}

/** The whole feed. */
async function allChanges(store: CrlStore, authority: string): Promise<{ readonly revision: number; readonly changes: readonly RevocationChange[] }> {
  const latest = new Map<string, RevocationChange>();
  for (let after = 0; ;) {
    const { revision, changes } = await store.changes(authority, after, PAGE);
    for (const change of changes) latest.set(change.serial, change);
    if (changes.length < PAGE) return { revision, changes: [...latest.values()] };
    after = changes.at(-1)?.revision ?? after;
  }
}
