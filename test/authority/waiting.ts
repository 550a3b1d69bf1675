import { join } from 'node:path';
import { initAuthorities } from '../../src/authority/ceremony.ts';
import { importChain, type ImportOptions, type ImportResult } from '../../src/authority/import.ts';
import type { InitOptions } from '../../src/authority/options.ts';
import { initOptions, systemClock } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';

/** Authorities of mode `external`, before another CA has signed. */
export interface Waiting {
  readonly data: string;
  /** For the other CA's files. */
  readonly folder: string;
  readonly request: string;
  readonly key: string;
}

export async function waiting(options: Partial<InitOptions> = {}): Promise<Waiting> {
  const folder = temporaryFolder();
  const data = join(folder, 'data');
  await initAuthorities(initOptions(data, { mode: 'external', ...options }));
  const issuing = join(data, 'authorities', 'issuing');
  return { data, folder, request: join(issuing, 'request.csr'), key: join(issuing, 'key.pem') };
}

export const bringIn = (data: string, chain: string | Uint8Array, more: Partial<ImportOptions> = {}): Promise<ImportResult> =>
  importChain({ data, chain: typeof chain === 'string' ? Buffer.from(chain) : chain, clock: systemClock, ...more });
