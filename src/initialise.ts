import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initAuthorities } from './authority/ceremony.ts';
import { removeDurably, SECRET, writeDurably } from './authority/durable-file.ts';
import { refuse } from './authority/errors.ts';
import { importChain } from './authority/import.ts';
import { authoritiesFolder, authorityFiles, ISSUING, unfinishedFile } from './authority/layout.ts';
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
  if (readUnfinished(data) !== undefined) refuse('already-initialised', 'is of an init that was cut short; chancery init --if-missing finishes it', authoritiesFolder(data));
  const httpBase = options.mode === 'internal' ? (options.httpBase ?? httpAddress(config)) : options.httpBase;
  const asked: Unfinished = { mode: options.mode, httpBase: options.httpBase };
  await initAuthorities({ ...options, httpBase, data, passphrase: config.authority.passphrase, clock: () => Math.floor(clock() / 1000), random: randomBytes }, JSON.stringify(asked));
  return makeTheRest(asked, config, clock);
}

/** The same for an `init` that was cut short behind the authorities; undefined where none was. */
export async function finishInitialise(config: Config, clock: () => number): Promise<Initialised | undefined> {
  const asked = readUnfinished(config.data);
  return asked && makeTheRest(asked, config, clock);
}

/** What belongs to authorities that were just made. Again after a crash: what is there stays. */
async function makeTheRest({ mode, httpBase }: Unfinished, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  const configuration = ensureConfiguration(config, httpBase);
  // Here and not at the first start, so that every copy of the folder has the same.
  readMaster(data, randomBytes);
  const made = mode === 'external' ? { request: authorityFiles(data, ISSUING).request } : await withOperator(config, clock, httpBase, recordOnce);
  removeDurably(unfinishedFile(data));
  return { mode, data, configuration, ...made };
}

/** What an `init` was asked for that is in no certificate. */
interface Unfinished {
  readonly mode: InitOptions['mode'];
  readonly httpBase: string | undefined;
}

function readUnfinished(data: string): Unfinished | undefined {
  const path = unfinishedFile(data);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) as Unfinished : undefined;
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
  return { mode: 'external', data, configuration: config.file ?? join(data, 'chancery.yaml'), ...(notes.length === 0 ? {} : { notes }), ...await withOperator(config, clock, undefined, recordAuthorities) };
}

/**
 * Another operator's certificate, in place of one that has ended, was revoked or was never made. Finishes an `init` that was cut short.
 * @throws AuthorityError where the operator's certificate is still good
 */
export async function initialiseOperator(name: string, config: Config, clock: () => number): Promise<Initialised> {
  const core = await openCore(config, clock);
  try {
    await refuseStandingOperator(core);
    await recordOnce(core);
    const asked = readUnfinished(config.data);
    const operator = await makeOperator(core, name, asked?.httpBase ?? httpAddress(config));
    const configuration = ensureConfiguration(config, asked?.httpBase);
    removeDurably(unfinishedFile(config.data));
    return { mode: core.authorities.mode, data: config.data, configuration, ...rootOf(core), operator };
  } finally {
    await core.store.close();
  }
}

async function withOperator(config: Config, clock: () => number, httpBase: string | undefined, record: (core: Core) => Promise<void>): Promise<Pick<Initialised, 'root' | 'rootDigest' | 'operator'>> {
  const core = await openCore(config, clock);
  try {
    await record(core);
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

/** The same for new ones: a log that has lines has these. */
const recordOnce = async (core: Core): Promise<void> => ((await core.store.audit.head()).sequence === 0 ? recordAuthorities(core) : undefined);

/** The http listener's address as the configuration says it; undefined where it is off, or a free port not known before it listens. */
function httpAddress({ publicUrl, listen: { http } }: Config): string | undefined {
  if (publicUrl.http !== undefined) return publicUrl.http;
  if (http === 'off' || http.port === 0) return undefined;
  return `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`;
}
