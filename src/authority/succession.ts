import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { LoadedAuthorities, Reign } from './authority.ts';
import { PUBLIC, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';
import { authoritiesFolder, authorityFiles, ISSUING, rollFile } from './layout.ts';

/** What a rolled authority's folder says beside its certificate: whose place it takes, and since when. */
export interface Roll {
  readonly follows: string;
  /** Seconds since the epoch; absent while its certificate is not there. */
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
    return refuse('roll-unreadable', 'is no JSON', at, { cause });
  }
  return refuse('roll-unreadable', 'does not say whose place it takes: expected {"follows": NAME, "from": SECONDS}', at);
}

export const writeRoll = (path: string, roll: Roll): void => writeDurably(path, `${JSON.stringify(roll)}\n`, PUBLIC);

/**
 * The authorities that issue one after the other, in order, those to come among them: each but the first says in its own folder whom it
 * follows, so that a roll is one rename, and there whole or not at all.
 * @param first the name that the configuration has
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
    // Nobody begins before the one whose place it takes.
    reigns.push({ name: next.name, from: Math.max(next.from, (reigns.at(-1) as Reign).from) });
    last = next.name;
  }
}

/** Who issues at a time, seconds since the epoch. */
export function reignsAt(succession: readonly Reign[], now: number): string {
  const reign = succession.findLast(({ from }) => from <= now) ?? succession[0];
  if (reign === undefined) throw new RangeError('nobody has ever issued');
  return reign.name;
}

/** The authority that issues in the place of one that did; any other name as it is. */
export function successorOf({ succession, issuing }: Pick<LoadedAuthorities, 'succession' | 'issuing'>, name: string): string {
  const current = succession.findIndex((reign) => reign.name === issuing.name);
  return succession.slice(0, current).some((reign) => reign.name === name) ? issuing.name : name;
}

/** Changes when there is an authority more or less, when a certificate is another one, and when another authority begins to issue. */
export function deploymentMark(data: string, first: string | undefined, now: number): string {
  const certificates = authorityNames(data).map((name) => {
    const status = statSync(authorityFiles(data, name).certificate, { throwIfNoEntry: false });
    return [name, status?.mtimeMs, status?.ino];
  });
  return JSON.stringify([reignsAt(successionOf(data, first), now), certificates]);
}

/** A folder's name is part of addresses. */
const NAME = /^[a-z0-9-]{1,64}$/;

export const isAuthorityName = (name: string): boolean => NAME.test(name);

/** The folders of authorities, whatever is in them. */
export function authorityNames(data: string): string[] {
  const entries = readdirSync(authoritiesFolder(data), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && isAuthorityName(entry.name)).map(({ name }) => name).sort();
}
