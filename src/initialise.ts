import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initAuthorities } from './authority/ceremony.ts';
import { SECRET, writeDurably } from './authority/durable-file.ts';
import { importChain } from './authority/import.ts';
import type { InitOptions } from './authority/options.ts';
import type { Config } from './config/config.ts';
import { exampleConfig } from './config/example.ts';
import { requesterKey } from './identity/identity.ts';
import { readMaster } from './identity/master-secret.ts';
import type { Core } from './core.ts';
import { CEREMONY, makeOperator, refuseStandingOperator, standingOperator } from './operator-certificate.ts';
import { openCore } from './service.ts';

/** The common name of an operator that is given no other. */
export const FIRST_OPERATOR = 'operator';

/** What init made: paths to look at, and what to do next. */
export interface Initialised {
  readonly mode: InitOptions['mode'];
  readonly data: string;
  /** Absent while an outside CA has not signed yet. */
  readonly root?: string;
  readonly rootDigest?: string;
  readonly operator?: string;
  readonly request?: string;
  readonly configuration: string;
  /** What an operator should know of the chain that was imported, in sentences. */
  readonly notes?: readonly string[];
}

/**
 * Makes the authorities, the first operator's certificate and a commented configuration file.
 * @throws AuthorityError; nothing is overwritten
 */
export async function initialise(options: Omit<InitOptions, 'data' | 'passphrase' | 'clock' | 'random'>, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  const httpBase = options.mode === 'internal' ? (options.httpBase ?? httpAddress(config)) : options.httpBase;
  const made = await initAuthorities({ ...options, httpBase, data, passphrase: config.authority.passphrase, clock: () => Math.floor(clock() / 1000), random: randomBytes });
  const configuration = ensureConfiguration(config, options.httpBase);
  // Here and not at the first start, so that every copy of the folder has the same.
  readMaster(data, randomBytes);
  if (options.mode === 'external') return { mode: options.mode, data, request: made.request ?? '', configuration };
  return { mode: options.mode, data, configuration, ...await withOperator(config, clock, options.httpBase) };
}

/**
 * Takes what an outside CA signed, and makes the first operator's certificate.
 * @throws AuthorityError with every fault of the chain
 */
export async function importAuthority({ chain, root }: { readonly chain: string; readonly root: string | undefined }, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  const { notes } = await importChain({
    data, passphrase: config.authority.passphrase, chain: readFileSync(chain), clock: () => Math.floor(clock() / 1000),
    ...(root === undefined ? {} : { root: readFileSync(root) }),
  });
  return { mode: 'external', data, configuration: config.file ?? join(data, 'chancery.yaml'), ...(notes.length === 0 ? {} : { notes }), ...await withOperator(config, clock, undefined) };
}

/**
 * Another operator's certificate, in place of one that has ended, was revoked or was never made. Finishes an `init` that was cut short.
 * @throws AuthorityError where the operator's certificate is still good
 */
export async function initialiseOperator(name: string, config: Config, clock: () => number): Promise<Initialised> {
  const core = await openCore(config, clock);
  try {
    await refuseStandingOperator(core);
    if ((await core.store.audit.head()).sequence === 0) await recordAuthorities(core);
    const operator = await makeOperator(core, name, httpAddress(config));
    return { mode: core.authorities.mode, data: config.data, configuration: ensureConfiguration(config, undefined), ...rootOf(core), operator };
  } finally {
    await core.store.close();
  }
}

async function withOperator(config: Config, clock: () => number, httpBase: string | undefined): Promise<Pick<Initialised, 'root' | 'rootDigest' | 'operator'>> {
  const core = await openCore(config, clock);
  try {
    await recordAuthorities(core);
    const operator = await standingOperator(core) ?? await makeOperator(core, FIRST_OPERATOR, httpBase ?? httpAddress(config));
    return { ...rootOf(core), operator };
  } finally {
    await core.store.close();
  }
}

const rootOf = ({ config, authorities }: Core): Pick<Initialised, 'root' | 'rootDigest'> => ({ root: join(config.data, 'root.pem'), rootDigest: authorities.issuing.rootDigest });

/** The file that was read, or `<data>/chancery.yaml`, written with all defaults where it is missing. @returns its path */
function ensureConfiguration(config: Config, httpBase: string | undefined): string {
  const path = config.file ?? join(config.data, 'chancery.yaml');
  if (!existsSync(path)) writeDurably(path, exampleConfig(httpBase === undefined ? {} : { publicUrl: { http: httpBase } }), SECRET);
  return path;
}

/** A line of the audit log for each authority as it is now: made here, or signed by another CA. */
const recordAuthorities = ({ store, authorities, clock }: Core): Promise<void> =>
  store.audit.append(authorities.all.map(({ name, certificate }) => ({
    time: clock(), event: 'authority.created', actor: requesterKey(CEREMONY), subject: name, details: { mode: authorities.mode, serial: certificate.serial, notAfter: certificate.notAfter },
  })));

/** The http listener's address as the configuration says it; undefined where it is off, or a free port not known before it listens. */
function httpAddress({ publicUrl, listen: { http } }: Config): string | undefined {
  if (publicUrl.http !== undefined) return publicUrl.http;
  if (http === 'off' || http.port === 0) return undefined;
  return `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`;
}
