import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority, AuthorityMode } from './authority/authority.ts';
import { initAuthorities } from './authority/ceremony.ts';
import { removeDurably, SECRET, writeDurably } from './authority/durable-file.ts';
import { refuse } from './authority/errors.ts';
import { importChain, type ImportResult } from './authority/import.ts';
import { authoritiesFolder, authorityFiles, ISSUING, ROOT, unfinishedFile } from './authority/layout.ts';
import type { InitOptions } from './authority/options.ts';
import { operatorFile } from './authority/operator-key.ts';
import type { AuditDraft } from './audit/entry.ts';
import { byOneProcess } from './by-one-process.ts';
import type { Config } from './config/config.ts';
import { exampleConfig } from './config/example.ts';
import { requesterKey } from './identity/identity.ts';
import { readMaster } from './identity/master-secret.ts';
import type { Core } from './core.ts';
import { markDevelopment } from './development.ts';
import { CEREMONY, makeOperator, refuseStandingOperator, standingOperator } from './operator-certificate.ts';
import { openCore } from './open-core.ts';
import { appendAudit } from './open-store.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';

/** Common name of the first operator unless another is given. */
export const FIRST_OPERATOR = 'operator';

const OPERATOR_LEASE = 'first-operator';
/** Milliseconds; a start after a crash waits no longer. */
const OPERATOR_TIME = 5000;

/** What `init` created: paths to look at, and what to do next. */
export interface Initialised {
  readonly mode: InitOptions['mode'];
  readonly data: string;
  /** Absent until the external CA has signed. */
  readonly root?: string;
  readonly rootDigest?: string;
  readonly operator?: string;
  readonly request?: string;
  readonly configuration: string;
  /** Remarks on the imported chain that an operator should know, in sentences. */
  readonly notes?: readonly string[];
}

export interface InitialiseOptions extends Omit<InitOptions, 'data' | 'passphrase' | 'clock' | 'random'> {
  /** Marks the deployment as one for development. */
  readonly development?: boolean;
}

/**
 * Creates the authorities, the first operator's certificate and a commented configuration file.
 * @throws AuthorityError; nothing is overwritten
 */
export async function initialise({ development, ...options }: InitialiseOptions, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  if (readUnfinished(data) !== undefined) refuse('already-initialised', 'is from an init that was interrupted; chancery init --if-missing finishes it', authoritiesFolder(data));
  const httpBase = options.mode === 'internal' ? (options.httpBase ?? httpAddress(config)) : options.httpBase;
  const asked: Unfinished = { mode: options.mode, httpBase: options.httpBase, ...(development === true ? { development } : {}) };
  await initAuthorities({ ...options, httpBase, data, passphrase: config.authority.passphrase, clock: () => Math.floor(clock() / 1000), random: randomBytes }, JSON.stringify(asked));
  return makeTheRest(asked, config, clock);
}

/** Completes an `init` that was interrupted after it had created the authorities; undefined if there is none. */
export async function finishInitialise(config: Config, clock: () => number): Promise<Initialised | undefined> {
  const asked = readUnfinished(config.data);
  return asked && makeTheRest(asked, config, clock);
}

/**
 * Completes an interrupted `init` of a development authority.
 * @throws AuthorityError for any other: the configuration that it leaves is not the one that this process has read
 */
export async function finishDevelopment(config: Config, clock: () => number): Promise<void> {
  const asked = readUnfinished(config.data);
  if (asked?.development === true) await makeTheRest(asked, config, clock);
  else if (asked !== undefined) refuse('not-initialised', `is from an init that was interrupted; finish it with: chancery init --if-missing --data ${config.data}`, authoritiesFolder(config.data));
}

/** Creates everything that accompanies new authorities. Idempotent, so that it can be repeated after a crash. */
async function makeTheRest({ mode, httpBase, development }: Unfinished, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  const configuration = ensureConfiguration(config, httpBase);
  // Created here rather than at the first start, so that every copy of the folder has the same one.
  readMaster(data, randomBytes);
  const made = mode === 'external' ? { request: authorityFiles(data, ISSUING).request } : await withOperator(config, clock, httpBase);
  if (development === true) markDevelopment(data);
  removeDurably(unfinishedFile(data));
  return { mode, data, configuration, ...made };
}

/** Options of an interrupted `init` that no certificate records. */
interface Unfinished {
  readonly mode: InitOptions['mode'];
  readonly httpBase: string | undefined;
  readonly development?: boolean;
}

function readUnfinished(data: string): Unfinished | undefined {
  const path = unfinishedFile(data);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) as Unfinished : undefined;
}

/**
 * Installs the chain signed by an external CA, and creates the first operator's certificate.
 * @throws AuthorityError naming every fault of the chain
 */
export async function importAuthority({ chain, root }: { readonly chain: string; readonly root: string | undefined }, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  const { notes } = await importChain({
    data, passphrase: config.authority.passphrase, chain: readFileSync(chain), clock: () => Math.floor(clock() / 1000),
    ...(root === undefined ? {} : { root: readFileSync(root) }),
    before: (made) => appendAudit(config.store, createdEntries('external', importedAuthorities(made), clock)),
  });
  return { mode: 'external', data, configuration: config.file ?? join(data, 'chancery.yaml'), ...(notes.length === 0 ? {} : { notes }), ...await withOperator(config, clock, undefined) };
}

/**
 * Replaces an operator certificate that expired, was revoked or was never created. Also completes an interrupted `init`.
 * @throws AuthorityError if the operator's certificate is still valid
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

/** Records the authorities and creates the operator, unless that is done. One process at a time: key and certificate are two files. */
async function withOperator(config: Config, clock: () => number, httpBase: string | undefined): Promise<Pick<Initialised, 'root' | 'rootDigest' | 'operator'>> {
  const core = await openCore(config, clock);
  try {
    await byOneProcess({
      leases: core.store.leases, name: OPERATOR_LEASE, time: OPERATOR_TIME, clock,
      isDue: async () => await standingOperator(core) === undefined,
      make: async () => {
        await recordOnce(core);
        await makeOperator(core, FIRST_OPERATOR, httpBase ?? httpAddress(config));
      },
    });
    return { ...rootOf(core), operator: operatorFile(config.data) };
  } finally {
    await core.store.close();
  }
}

const rootOf = ({ config, authorities }: Core): Pick<Initialised, 'root' | 'rootDigest'> => ({ root: join(config.data, 'root.pem'), rootDigest: authorities.issuing.rootDigest });

/** The configuration file that was read, or `<data>/chancery.yaml`, created with all defaults if missing. @returns its path */
function ensureConfiguration(config: Config, httpBase: string | undefined): string {
  const path = config.file ?? join(config.data, 'chancery.yaml');
  if (!existsSync(path)) writeDurably(path, exampleConfig(httpBase === undefined ? {} : { publicUrl: { http: httpBase } }), SECRET);
  return path;
}

type NamedCertificate = Pick<Authority, 'name' | 'certificate'>;

/** An audit entry for each authority, whether created here or signed by another CA. */
const createdEntries = (mode: AuthorityMode, all: readonly NamedCertificate[], clock: () => number): AuditDraft[] =>
  all.map(({ name, certificate: { serial, notAfter } }) => ({ time: clock(), event: 'authority.created', actor: requesterKey(CEREMONY), subject: name, details: { mode, serial, notAfter } }));

/** Only for an empty audit log: any other already has these entries. */
async function recordOnce({ store, authorities, clock }: Core): Promise<void> {
  if ((await store.audit.head()).sequence === 0) await store.audit.append(createdEntries(authorities.mode, authorities.all, clock));
}

const importedAuthorities = ({ certificate, root }: ImportResult): NamedCertificate[] => {
  const anchor: Certificate = parseCertificate(root);
  return [...(anchor.serial === certificate.serial ? [] : [{ name: ROOT, certificate: anchor }]), { name: ISSUING, certificate }];
};

/** The http listener's address according to the configuration; undefined if it is off, or if its port is only known once it listens. */
function httpAddress({ publicUrl, listen: { http } }: Config): string | undefined {
  if (publicUrl.http !== undefined) return publicUrl.http;
  if (http === 'off' || http.port === 0) return undefined;
  return `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`;
}
