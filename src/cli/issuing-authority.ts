import { existsSync } from 'node:fs';
import { authoritiesFolder, ISSUING } from '../authority/layout.ts';
import { reignsAt, successionOf } from '../authority/succession.ts';
import type { ChanceryClient } from '../client/chancery-client.ts';
import type { Context } from './context.ts';
import { type PlaceOptions, readConfig } from './settings.ts';

/** The authority that issues now by what the data folder has: after a roll it has another name. Where there is no folder, the usual name. */
export async function issuingHere(context: Context, options: PlaceOptions): Promise<string> {
  const { data, authority } = await readConfig(context, options);
  return existsSync(authoritiesFolder(data)) ? reignsAt(successionOf(data, authority.issuing), Math.floor(context.now() / 1000)) : authority.issuing ?? ISSUING;
}

/** The authority that issues now by the service's own word. */
export async function issuingThere(client: ChanceryClient): Promise<string> {
  const { items } = await client.listAuthorities();
  return items.find(({ state }) => state === 'issuing')?.name ?? ISSUING;
}
