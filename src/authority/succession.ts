import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { Authority, LoadedAuthorities, Reign } from './authority.ts';
import { PUBLIC, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';
import { authoritiesFolder, authorityFiles, ISSUING, rollFile } from './layout.ts';

/** What a successor authority's folder records besides its certificate: whom it succeeds, and since when. */
export interface Roll {
  readonly follows: string;
  /** Seconds since the epoch; absent until it has a certificate. */
  readonly from?: number;
}

/** @throws AuthorityError `roll-unreadable` */
export function readRoll(data: string, name: string): Roll | undefined {
  const path = rollFile(data, name);
  if (!existsSync(path)) return undefined;
  const at = `authorities/${name}/roll.json`;
  try {
    const { follows, from } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Roll>;
    const isTime = from === undefined || (Number.isSafeInteger(from) && from > 0);
    if (typeof follows === 'string' && follows !== name && isTime) return { follows, ...(from === undefined ? {} : { from }) };
  } catch (cause) {
    return refuse('roll-unreadable', 'is not JSON', at, { cause });
  }
  return refuse('roll-unreadable', 'does not say which authority it follows: expected {"follows": NAME, "from": SECONDS}', at);
}

export const writeRoll = (path: string, roll: Roll): void => writeDurably(path, `${JSON.stringify(roll)}\n`, PUBLIC);

/**
 * The authorities that issue one after another, in order, including future ones. Each but the first records in its own folder whom it succeeds, so
 * that a roll is a single rename, and complete or not there at all.
 * @param first the name in the configuration
 * @throws AuthorityError `roll-unreadable`, `roll-ambiguous`
 */
export function successionOf(data: string, first: string = ISSUING): readonly Reign[] {
  const rolls = authorityNames(data).flatMap((name) => {
    const roll = readRoll(data, name);
    return roll?.from === undefined || !existsSync(authorityFiles(data, name).certificate) ? [] : [{ name, follows: roll.follows, from: roll.from }];
  });
  const reigns: Reign[] = [{ name: first, from: 0 }];
  for (let last = first; ;) {
    const [next, ...more] = rolls.filter(({ follows }) => follows === last);
    if (next === undefined) return reigns;
    if (more.length > 0) refuse('roll-ambiguous', `${[next, ...more].map(({ name }) => name).join(' and ')} both follow ${last}; move one of the folders away`, authoritiesFolder(data));
    if (reigns.some(({ name }) => name === next.name)) refuse('roll-ambiguous', `${next.name} follows itself`, authoritiesFolder(data));
    // No one starts before its predecessor.
    reigns.push({ name: next.name, from: Math.max(next.from, (reigns.at(-1) as Reign).from) });
    last = next.name;
  }
}

/** The issuing authority at a given time, seconds since the epoch. */
export function reignsAt(succession: readonly Reign[], now: number): string {
  const reign = succession.findLast(({ from }) => from <= now) ?? succession[0];
  if (reign === undefined) throw new RangeError('nobody has ever issued');
  return reign.name;
}

/** The authority that now issues in place of a former issuer; any other name is returned as it is. */
export function successorOf({ succession, issuing }: Pick<LoadedAuthorities, 'succession' | 'issuing'>, name: string): string {
  const current = succession.findIndex((reign) => reign.name === issuing.name);
  return succession.slice(0, current).some((reign) => reign.name === name) ? issuing.name : name;
}

/** Whether an authority issues no more: it is not the root, does not issue now, and is not one that will. */
export function isFormer({ succession, issuing, root }: Pick<LoadedAuthorities, 'succession' | 'issuing' | 'root'>, name: string): boolean {
  const current = succession.findIndex((reign) => reign.name === issuing.name);
  return name !== root.name && name !== issuing.name && !succession.slice(current).some((reign) => reign.name === name);
}

/** Whether a former authority's certificate has expired, and with it all that it has signed: nothing is published for it any more. @param now seconds since the epoch */
export const isOver = (authorities: Pick<LoadedAuthorities, 'succession' | 'issuing' | 'root'>, { name, certificate }: Pick<Authority, 'name' | 'certificate'>, now: number): boolean =>
  certificate.notAfter <= now && isFormer(authorities, name);

/** Changes when an authority is added or removed, when a certificate changes, and when another authority starts to issue. */
export function deploymentMark(data: string, first: string | undefined, now: number): string {
  const certificates = authorityNames(data).map((name) => {
    const status = statSync(authorityFiles(data, name).certificate, { throwIfNoEntry: false });
    return [name, status?.mtimeMs, status?.ino];
  });
  return JSON.stringify([reignsAt(successionOf(data, first), now), certificates]);
}

/** Folder names are used in addresses. */
const NAME = /^[a-z0-9-]{1,64}$/;

export const isAuthorityName = (name: string): boolean => NAME.test(name);

/** The folders of authorities, whatever they contain. */
export function authorityNames(data: string): string[] {
  const entries = readdirSync(authoritiesFolder(data), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && isAuthorityName(entry.name)).map(({ name }) => name).sort();
}
