import { existsSync } from 'node:fs';
import { authoritiesFolder, ISSUING } from '../authority/layout.ts';
import { reignsAt, successionOf } from '../authority/succession.ts';
import type { ChanceryClient } from '../client/chancery-client.ts';
import type { Context } from './context.ts';
import { type PlaceOptions, readConfig } from './settings.ts';

/** The issuing authority according to the data folder, since a rollover changes its name. The default name if there is no folder. */
export async function issuingHere(context: Context, options: PlaceOptions): Promise<string> {
  const { data, authority } = await readConfig(context, options);
  return existsSync(authoritiesFolder(data)) ? reignsAt(successionOf(data, authority.issuing), Math.floor(context.now() / 1000)) : authority.issuing ?? ISSUING;
}

/** The issuing authority according to the service. */
export async function issuingThere(client: ChanceryClient): Promise<string> {
  const { items } = await client.listAuthorities();
  return items.find(({ state }) => state === 'issuing')?.name ?? ISSUING;
}
