import { Agent } from 'node:https';
import { join } from 'node:path';
import { alarm, pauseUnless } from '../../agent/crl/alarm.ts';
import { hearEvents } from '../../agent/crl/hear-events.ts';
import { type CrlSource, type FindSources, serviceSources } from '../../agent/crl/source.ts';
import type { OwnedCrl } from '../../agent/crl/targets.ts';
import { crlWatch } from '../../agent/crl/watch.ts';
import type { Tell } from '../../agent/tell.ts';
import { openClient } from '../../client/chancery-client.ts';
import { Failure } from '../../client/failure.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { parseCrl } from '../../x509/crl.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { indexSerials } from '../revoked-serials.ts';
import type { News, WatchSettings } from './news.ts';
import { type StateFolder, stateFolder } from './state-folder.ts';
import { toldFile } from './told-file.ts';

export interface WatchSurroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: () => number;
  readonly tell: Tell;
  readonly learn: (news: News) => void;
}

/** The longest time between two attempts to connect to the event stream, in milliseconds. */
const MOST_PAUSE = 30_000;

/** In the state folder. */
const TOLD = 'told.jsonl';

/**
 * Watches CRLs until the signal aborts, and reports what they list: first the kept ones, at once, then every newer one, and between
 * them the events of the service.
 */
export async function watchCrls(settings: WatchSettings, { now, random, tell, learn }: WatchSurroundings, signal: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true, ...(settings.roots === undefined ? {} : { ca: settings.roots }) });
  const client = settings.service === undefined ? undefined : openClient({
    url: new URL(settings.service), roots: settings.roots === undefined ? [] : [settings.roots], credentials: { kind: 'none' },
  });
  const state = stateFolder(settings.state);
  const learnCrl = ({ authority, issuer, crl: { der, thisUpdate, nextUpdate } }: OwnedCrl): void => {
    const { entries, summary } = parseCrl(der);
    learn({ kind: 'crl', authority, issuer: Uint8Array.from(issuer.der), thisUpdate, nextUpdate, serials: indexSerials(entries, summary.count) });
  };
  let authorities: readonly CrlSource[] = [];
  const learnAuthorities = (sources: readonly CrlSource[]): void => {
    authorities = sources;
    learn({ kind: 'authorities', items: sources.map(({ authority, issuer }) => ({ authority, issuer: Uint8Array.from(issuer.der) })) });
  };

  // 1. Kept state takes effect before any request is made.
  const before = keptBefore(state, agent, tell);
  if (before.length > 0) learnAuthorities(before);
  const known = before.flatMap((source): OwnedCrl[] => {
    const crl = state.crlOf(source);
    return crl === undefined ? [] : [{ authority: source.authority, issuer: source.issuer, crl }];
  });
  known.forEach(learnCrl);
  const told = toldFile(join(settings.state, TOLD), tell);
  for (const change of told.kept()) learn({ kind: 'revocation', ...change });

  // 2. From then on, everything newer.
  const fixed = settings.sources.map(({ authority, address, issuer }): CrlSource => ({
    authority, address: new URL(address), issuer: parseCertificate(Buffer.from(issuer)), ...(address.startsWith('https:') ? { agent } : {}),
  }));
  const asked = client === undefined ? undefined : serviceSources(client, agent, settings.authorities);
  const find = keptSources({ find: async () => [...fixed, ...await asked?.() ?? []], state, before, learned: learnAuthorities, now, tell });
  const looked = (good: boolean): void => learn({ kind: 'looked', good, at: now() });
  const target = state.target(learnCrl, known);
  const write = (crls: readonly OwnedCrl[]): void => {
    target.write(crls);
    told.settle(authorities.map(({ authority, issuer }) => ({ authority, thisUpdate: crls.find((one) => equalBytes(one.issuer.der, issuer.der))?.crl.thisUpdate })));
  };
  const watch = crlWatch({ find, target: { ...target, write }, command: undefined, poll: settings.poll, partial: true, looked }, { now, random, tell });
  const news = alarm();
  const events = client === undefined || !settings.events ? undefined : hearEvents({
    service: client.url, agent, mostPause: MOST_PAUSE, call: news.call,
    published: (authority, number) => {
      if (!watch.concerns(authority)) return;
      watch.expect(authority, number);
      news.call();
    },
    changed: (change) => {
      learn({ kind: 'revocation', ...change });
      told.add(change);
    },
  }, { now, random, tell }, signal);
  try {
    await Promise.all([watch.run(news, pauseUnless(signal), signal), events]);
  } finally {
    told.flush();
    agent.destroy();
    client?.close();
  }
}

/** Empty if the list is damaged: it is rebuilt once the service can be reached, and until then every client is refused. */
function keptBefore(state: StateFolder, agent: Agent, tell: Tell): readonly CrlSource[] {
  try {
    return state.sources(agent);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tell('warn', 'state', `${error.message}: the kept copy is ignored`);
    return [];
  }
}

interface KeptSourcesOptions {
  readonly find: FindSources;
  readonly state: StateFolder;
  readonly before: readonly CrlSource[];
  readonly learned: (sources: readonly CrlSource[]) => void;
  readonly now: () => number;
  readonly tell: Tell;
}

/**
 * The sources found now, and those known before until their authorities expire, because their certificates are still in use. If the service
 * cannot be reached, those known last.
 */
function keptSources({ find, state, before, learned, now, tell }: KeptSourcesOptions): FindSources {
  let kept = before;
  let written = true;
  return async () => {
    let found: readonly CrlSource[];
    try {
      found = await find();
    } catch (error) {
      if (!(error instanceof Failure) || kept.length === 0) throw error;
      tell('warn', 'authorities', `the list of authorities cannot be fetched (${error.message}); the previous one stays in force`);
      return kept;
    }
    const seconds = now() / 1000;
    const former = kept.filter(({ issuer }) => issuer.notAfter >= seconds && !found.some((one) => equalBytes(one.issuer.der, issuer.der)));
    const next = [...found, ...former];
    const same = next.length === kept.length && next.every(({ authority, issuer }, index) => authority === kept[index]?.authority && equalBytes(issuer.der, kept[index].issuer.der));
    if (!same) learned(next);
    kept = next;
    if (same && written) return next;
    try {
      state.keepSources(next);
      written = true;
    } catch (error) {
      // The sources take effect all the same; the list is written at the next poll that succeeds in doing so.
      written = false;
      tell('error', 'state', `the list of authorities cannot be kept: ${(error as Error).message}`);
    }
    return next;
  };
}
