import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initAuthorities } from './authority/ceremony.ts';
import { makeFolder, PUBLIC, SECRET, writeDurably } from './authority/durable-file.ts';
import { importChain } from './authority/import.ts';
import { certificationRequest } from './authority/keys/certification-request.ts';
import { generateKeyPair } from './authority/keys/generate.ts';
import type { InitOptions } from './authority/options.ts';
import type { Config } from './config/config.ts';
import { exampleConfig } from './config/example.ts';
import { chainsOf } from './http/rest/request-view.ts';
import { type Identity, requesterKey } from './identity/identity.ts';
import { issue } from './issuance/issue.ts';
import { FULL_GRANT } from './policy/grant.ts';
import type { Core } from './core.ts';
import { openCore } from './service.ts';
import { encodePem } from './x509/pem.ts';
import { OID } from './x509/oids.ts';

/** The first operator is made by whoever may read the authority's key. */
const CEREMONY: Identity = { kind: 'service', name: 'init', proof: 'the ceremony that made the authority', grant: FULL_GRANT, scopes: [] };

const FIRST_OPERATOR = 'operator';

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
}

/**
 * Makes the authorities, the first operator's certificate and a commented configuration file.
 * @throws AuthorityError; nothing is overwritten
 */
export async function initialise(options: Omit<InitOptions, 'data' | 'passphrase' | 'clock' | 'random'>, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  const httpBase = options.mode === 'internal' ? (options.httpBase ?? httpAddress(config)) : options.httpBase;
  const made = await initAuthorities({ ...options, httpBase, data, passphrase: config.authority.passphrase, clock: () => Math.floor(clock() / 1000), random: randomBytes });
  const configuration = config.file ?? join(data, 'chancery.yaml');
  if (!existsSync(configuration)) writeDurably(configuration, exampleConfig(options.httpBase === undefined ? {} : { publicUrl: { http: options.httpBase } }), SECRET);
  if (options.mode === 'external') return { mode: options.mode, data, request: made.request ?? '', configuration };
  return { mode: options.mode, data, configuration, ...await withOperator(config, clock, options.httpBase) };
}

/**
 * Takes what an outside CA signed, and makes the first operator's certificate.
 * @throws AuthorityError with every fault of the chain
 */
export async function importAuthority({ chain, root }: { readonly chain: string; readonly root: string | undefined }, config: Config, clock: () => number): Promise<Initialised> {
  const { data } = config;
  await importChain({
    data, passphrase: config.authority.passphrase, chain: readFileSync(chain), clock: () => Math.floor(clock() / 1000),
    ...(root === undefined ? {} : { root: readFileSync(root) }),
  });
  return { mode: 'external', data, configuration: config.file ?? join(data, 'chancery.yaml'), ...await withOperator(config, clock, undefined) };
}

async function withOperator(config: Config, clock: () => number, httpBase: string | undefined): Promise<Pick<Initialised, 'root' | 'rootDigest' | 'operator'>> {
  const core = await openCore(config, clock);
  try {
    await recordAuthorities(core);
    const operator = await ensureOperator(core, httpBase ?? httpAddress(config));
    return { root: join(config.data, 'root.pem'), rootDigest: core.authorities.issuing.rootDigest, operator };
  } finally {
    await core.store.close();
  }
}

/** A line of the audit log for each authority as it is now: made here, or signed by another CA. */
const recordAuthorities = ({ store, authorities, clock }: Core): Promise<void> =>
  store.audit.append(authorities.all.map(({ name, certificate }) => ({
    time: clock(), event: 'authority.created', actor: requesterKey(CEREMONY), subject: name, details: { mode: authorities.mode, serial: certificate.serial, notAfter: certificate.notAfter },
  })));

/** `<data>/operator/{cert,key}.pem`, made through the same cycle as every certificate, unless it is there. @returns the certificate's path */
async function ensureOperator({ config, authorities, issuanceAt }: Core, httpUrl: string | undefined): Promise<string> {
  const folder = join(config.data, 'operator');
  const path = join(folder, 'cert.pem');
  if (existsSync(path)) return path;
  const { issuance } = issuanceAt(httpUrl, (_what, error) => {
    throw error;
  });
  const pair = await generateKeyPair('P-256');
  const csr = certificationRequest(pair, [{ type: OID.commonName, value: FIRST_OPERATOR }], []);
  const { certificate } = await issue(issuance, { identity: CEREMONY, csr, profile: 'operator' });
  if (certificate === undefined) throw new Error('the first operator\'s certificate waits for approval, which nobody could give: expected profile "operator" to need none');
  makeFolder(folder);
  writeDurably(join(folder, 'key.pem'), String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })), SECRET);
  writeDurably(path, [encodePem('CERTIFICATE', certificate), ...chainsOf([authorities.issuing])(authorities.issuing.name)].join(''), PUBLIC);
  return path;
}

/** The http listener's address as the configuration says it; undefined where it is off, or a free port not known before it listens. */
function httpAddress({ publicUrl, listen: { http } }: Config): string | undefined {
  if (publicUrl.http !== undefined) return publicUrl.http;
  if (http === 'off' || http.port === 0) return undefined;
  return `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`;
}
