import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../client/failure.ts';
import type { Enrolled } from './enrolled.ts';
import type { Connect, Present } from './renew-certificate.ts';

/** When the service wants a certificate renewed, in milliseconds since the Unix epoch. */
export interface Advice {
  readonly start: number;
  readonly end: number;
  /** Why it should be renewed early. */
  readonly explanation: string | undefined;
  /** Milliseconds after which to ask again; undefined if the service did not say. */
  readonly askAgain: number | undefined;
}

/** Asks the service, without credentials. Throws Failure. */
export async function askAdvice(folder: string, url: URL | undefined, enrolled: Enrolled, { serial }: Present, connect: Connect): Promise<Advice> {
  const root = readFileSync(join(folder, enrolled.ca), 'latin1');
  const client = connect({ url: url ?? new URL(enrolled.url), roots: [root], credentials: { kind: 'none' } });
  try {
    const { suggestedWindow, explanation, retryAfter } = await client.renewalInfo(serial);
    const [start, end] = [Date.parse(suggestedWindow?.start), Date.parse(suggestedWindow?.end)];
    if (!(start <= end)) throw new Failure('bad-reply', `${client.url.origin} named no time for the renewal`);
    return { start, end, explanation, askAgain: retryAfter === undefined ? undefined : retryAfter * 1000 };
  } finally {
    client.close();
  }
}
