import { Failure } from '../../client/failure.ts';
import { parseCrl } from '../../x509/crl.ts';
import { distinguishedNameToText } from '../../x509/distinguished-name.ts';
import { X509Error } from '../../x509/errors.ts';
import { type Alarm, backOff, type Pause } from './alarm.ts';
import { type KeptCrl, checkBegun, checkCrl, checkFollows } from './kept-crl.ts';
import type { Level, Tell } from '../tell.ts';
import type { OwedCommand } from './owed-command.ts';
import { type CrlSource, type FindSources, fetchCrl } from './source.ts';
import type { CrlTarget, OwnedCrl } from './targets.ts';

export interface WatchOptions {
  readonly find: FindSources;
  readonly target: CrlTarget;
  readonly command: OwedCommand | undefined;
  /** Milliseconds between two polls if nothing calls for an earlier one. */
  readonly poll: number;
  /** True if each CRL is useful on its own; otherwise a missing one holds back all others. */
  readonly partial?: boolean;
  /** Called after each poll with whether it succeeded entirely. */
  readonly looked?: (good: boolean) => void;
}

export interface WatchSurroundings {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** A random number from 0 to 1. */
  readonly random: () => number;
  readonly tell: Tell;
}

/** What is known of a source's CRL: the one in the target, and the ETag it was served with. */
interface Held {
  readonly source: CrlSource;
  crl?: KeptCrl | undefined;
  etag?: string | undefined;
}

/** Keeps the CRLs of a target up to date. */
export interface CrlWatch {
  /** Polls once: fetches what is new and writes it. Returns false if anything failed; failures have been reported. */
  readonly look: () => Promise<boolean>;
  /** Polls until the signal aborts: when the alarm is raised, else every `poll` milliseconds, sooner after a failure. */
  readonly run: (alarm: Alarm, pause: Pause, signal: AbortSignal) => Promise<void>;
  /** Whether an authority's CRL is watched, as far as is known. */
  readonly concerns: (authority: string) => boolean;
  /** A CRL with this number was announced: it is polled for until it arrives, since another process of the service may lag behind. */
  readonly expect: (authority: string, number: bigint) => void;
}

/** Milliseconds after which a warning is repeated. */
const TELL_AGAIN = 3_600_000;
/** A CRL with less than this share of its life left should have been superseded. */
const LEAST_SHARE = 0.1;
/** Pause in milliseconds between polls for an announced CRL, and the number of polls at most. */
const LAG = { pause: 250, most: 20 };

export function crlWatch({ find, target, command, poll, partial = false, looked }: WatchOptions, { now, random, tell }: WatchSurroundings): CrlWatch {
  let held: readonly Held[] = [];
  let stamp: string | undefined;
  const toldAt = new Map<string, number>();
  const expected = new Map<string, bigint>();

  const tellSometimes = (key: string, level: Level, message: string): void => {
    if (now() - (toldAt.get(key) ?? -Infinity) < TELL_AGAIN) return;
    toldAt.set(key, now());
    tell(level, key.split(' ', 1)[0] ?? key, message);
  };

  const told = (authority: string, error: unknown): void => {
    if (!(error instanceof Failure)) throw error;
    tell('error', 'failed', `${authority}: ${error.message}${error.advice === undefined ? '' : `; ${error.advice}`}`, { authority, code: error.code });
  };

  /** Assigns each CRL in the target to the source whose signature it carries. */
  const adopt = (sources: readonly CrlSource[]): void => {
    const there = target.read();
    held = sources.map((source) => ({ source, crl: there.map((der) => goodOrNone(der, source)).filter((crl) => crl !== undefined).sort((a, b) => (a.number < b.number ? 1 : -1))[0] }));
    stamp = target.stamp();
  };

  /** The newer CRL of a source, if there is one. */
  const newer = async ({ source, crl, etag }: Held): Promise<Held | undefined> => {
    const from = source.address.href;
    const reply = await fetchCrl(source, { etag, thisUpdate: crl?.thisUpdate });
    if (reply === undefined) return undefined;
    const next = checkCrl(reply.bytes, source.issuer, from);
    checkFollows(crl, next, from);
    checkBegun(next, now(), from);
    return { source, crl: next, etag: reply.etag };
  };

  const put = (changed: ReadonlyMap<Held, Held>): void => {
    const all = held.map((one) => changed.get(one) ?? one);
    const owned = all.filter((one): one is Held & OwnedOf => one.crl !== undefined).map(({ source: { authority, issuer }, crl }): OwnedCrl => ({ authority, issuer, crl }));
    if (owned.length < all.length && !partial) {
      // A reader that finds one CRL of two refuses everything: the old file, or none, is better.
      if (changed.size > 0) tell('warn', 'incomplete', `not written: there is no CRL yet from ${all.filter(({ crl }) => crl === undefined).map(({ source }) => source.authority).join(', ')}`);
      return;
    }
    const fresh = [...changed].filter(([before, after]) => before.crl?.number !== after.crl?.number);
    if (fresh.length > 0) {
      command?.owe();
      target.write(owned);
    }
    if (target.mend(owned) && fresh.length === 0) command?.owe();
    held = all;
    stamp = target.stamp();
    for (const [, { source, crl }] of fresh) {
      if (crl !== undefined) tell('info', 'updated', `${source.authority}: CRL ${crl.number} with ${crl.count === 1 ? '1 entry' : `${crl.count} entries`} is in ${target.name}`, {
        authority: source.authority, number: crl.number.toString(), entries: crl.count, nextUpdate: isoOf(crl.nextUpdate),
      });
    }
  };

  const warn = (): void => {
    const known = held.length > 0 ? held.flatMap(({ source, crl }) => (crl === undefined ? [] : [{ name: source.authority, ...crl }])) : target.read().flatMap(unchecked);
    for (const { name, thisUpdate, nextUpdate } of known) {
      const left = nextUpdate - now() / 1000;
      if (left <= 0) tellSometimes(`ended ${name}`, 'error', `${name}: the CRL in ${target.name} expired at ${isoOf(nextUpdate)}: anyone who checks against it refuses every certificate`);
      else if (left < (nextUpdate - thisUpdate) * LEAST_SHARE) tellSometimes(`ending ${name}`, 'warn', `${name}: the CRL in ${target.name} expires at ${isoOf(nextUpdate)}, and there is no newer one`);
      else for (const state of ['ended', 'ending']) toldAt.delete(`${state} ${name}`);
    }
  };

  const look = async (): Promise<boolean> => {
    let good = true;
    try {
      const sources = await find();
      // Somebody else may have changed the files: then their content counts, not what is remembered.
      if (!sameSources(held, sources) || stamp !== target.stamp()) adopt(sources);
    } catch (error) {
      told('authorities', error);
      good = false;
    }
    const changed = new Map<Held, Held>();
    for (const one of held) {
      try {
        const next = await newer(one);
        if (next !== undefined) changed.set(one, next);
      } catch (error) {
        told(one.source.authority, error);
        good = false;
      }
    }
    try {
      put(changed);
    } catch (error) {
      told(target.name, fileFailure(error));
      good = false;
    }
    warn();
    good &&= held.every(({ crl }) => crl !== undefined && crl.nextUpdate > now() / 1000);
    looked?.(good);
    return good;
  };

  const isBehind = (): boolean => held.some(({ source: { authority }, crl }) => (crl?.number ?? 0n) < (expected.get(authority) ?? 0n));

  return {
    look,
    concerns: (authority) => held.length === 0 || held.some(({ source }) => source.authority === authority),
    expect: (authority, number) => void expected.set(authority, number),
    run: async (alarm, pause, signal) => {
      let failures = 0;
      let lags = 0;
      while (!signal.aborted) {
        alarm.clear();
        const good = await look();
        command?.soon();
        failures = good ? 0 : failures + 1;
        lags = isBehind() ? lags + 1 : 0;
        if (lags > LAG.most) expected.clear();
        const regular = good ? poll * (0.9 + 0.2 * random()) : backOff(failures, poll, random);
        await pause(lags > 0 && lags <= LAG.most ? Math.min(LAG.pause, regular) : regular, alarm);
      }
    },
  };
}

interface OwnedOf {
  readonly crl: KeptCrl;
}

const goodOrNone = (der: Uint8Array, source: CrlSource): KeptCrl | undefined => {
  try {
    return checkCrl(der, source.issuer, source.address.href);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
};

/** The validity of a CRL whose issuer is not known yet: enough for a warning. */
function unchecked(der: Uint8Array): { readonly name: string; readonly thisUpdate: number; readonly nextUpdate: number }[] {
  try {
    const { issuerName, thisUpdate, nextUpdate } = parseCrl(der);
    return [{ name: distinguishedNameToText(issuerName), thisUpdate, nextUpdate }];
  } catch (error) {
    if (error instanceof X509Error) return [];
    throw error;
  }
}

const sameSources = (held: readonly Held[], sources: readonly CrlSource[]): boolean => held.length === sources.length
  && held.every(({ source }, index) => source.address.href === sources[index]?.address.href && Buffer.compare(source.issuer.der, sources[index].issuer.der) === 0);

/** A full disk or missing permissions may be fixed while we wait. */
function fileFailure(error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  return error instanceof Failure || code === undefined ? error : new Failure('file', `${path ?? 'the file'}: ${code}`, { cause: error });
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
