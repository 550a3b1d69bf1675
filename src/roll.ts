import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { refuse } from './authority/errors.ts';
import { importChain } from './authority/import.ts';
import { authorityFiles } from './authority/layout.ts';
import { readCertificate, readCertificates } from './authority/pem-files.ts';
import { prepareRoll, type RollOptions } from './authority/roll.ts';
import { readRoll } from './authority/succession.ts';
import type { Config } from './config/config.ts';
import { requesterKey } from './identity/identity.ts';
import { CEREMONY } from './operator-certificate.ts';
import { openCore } from './open-core.ts';
import { appendAudit } from './open-store.ts';
import type { Certificate } from './x509/certificate.ts';
import { distinguishedNameToText } from './x509/distinguished-name.ts';

/** The result of a roll: who issues from when on, or what has to be signed first. */
export interface Rolled {
  readonly name: string;
  /** As text; absent if an external CA may still choose another one. */
  readonly subject?: string;
  readonly follows: string;
  /** The one it follows has ended. */
  readonly hasEnded?: true;
  readonly folder: string;
  /** Self-signed, and so not trusted by anyone yet. */
  readonly isAnchor?: true;
  /** ISO 8601. */
  readonly from?: string;
  readonly notAfter?: string;
  readonly request?: string;
  readonly notes?: readonly string[];
}

/** Seconds until a new authority issues, unless stated: time to give it to every replica. */
const NOTICE = 3600;

/**
 * Creates the successor of the current issuing authority. Running services pick it up by themselves.
 * @param name the authority to be rolled, which must be the one that issues
 * @param options `from` is in an hour if absent, or at once if that authority has ended
 * @throws AuthorityError, StoreUnavailable
 */
export async function rollAuthority(name: string, options: Omit<RollOptions, 'data' | 'passphrase' | 'now' | 'random' | 'from'> & { readonly from?: number | undefined }, config: Config, clock: () => number): Promise<Rolled> {
  const core = await openCore(config, clock);
  try {
    const { authorities, store } = core;
    const current = authorities.issuing.name;
    if (name !== current) refuse('roll-refused', `is not the authority that issues; that is ${current}`, name);
    const now = Math.floor(clock() / 1000);
    const before = isOver(authorities.issuing.certificate, now);
    const from = options.from ?? (before.hasEnded === true ? now : now + NOTICE);
    const roll = await prepareRoll(authorities, { ...options, from, data: config.data, passphrase: config.authority.passphrase, now, random: randomBytes });
    try {
      // Recorded before it is in place: the root has signed, whatever happens next.
      const what = roll.certificate === undefined ? { waits: true } : certificateDetails(roll.certificate, roll.from);
      await store.audit.append([{ time: clock(), event: 'authority.rolled', actor: requesterKey(CEREMONY), subject: roll.name, details: { follows: roll.follows, ...what } }]);
      roll.put();
    } finally {
      roll.forget();
    }
    const { follows, folder, certificate, request } = roll;
    return { name: roll.name, follows, ...before, folder, ...(request === undefined ? {} : { request }), ...(certificate === undefined ? {} : madeOf(certificate, roll.from)) };
  } finally {
    await core.store.close();
  }
}

/**
 * Installs the certificate that an external CA signed for the CSR of `rollAuthority`.
 * @throws AuthorityError naming every fault of the chain
 */
export async function importRolled(name: string, files: { readonly chain: string; readonly root: string | undefined; readonly from?: number | undefined }, config: Config, clock: () => number): Promise<Rolled> {
  const { data } = config;
  const now = Math.floor(clock() / 1000);
  const roll = readRoll(data, name);
  const follows = roll?.follows ?? '';
  const before = roll === undefined ? {} : endOf(data, follows, now);
  // An authority that already has a certificate keeps its start time when it gets another.
  const from = roll?.from ?? Math.max(files.from ?? (before.hasEnded === true ? now : now + NOTICE), now);
  const { certificate, notes } = await importChain({
    data, passphrase: config.authority.passphrase, chain: readFileSync(files.chain), clock: () => Math.floor(clock() / 1000), rolled: { name, from },
    ...(files.root === undefined ? {} : { root: readFileSync(files.root) }),
    before: (made) => appendAudit(config.store, [{
      time: clock(), event: 'authority.rolled', actor: requesterKey(CEREMONY), subject: name, details: { follows, ...certificateDetails(made.certificate, from) },
    }]),
  });
  return { name, follows, ...before, folder: `${data}/authorities/${name}`, ...madeOf(certificate, from), ...(notes.length === 0 ? {} : { notes }) };
}

const isOver = ({ notAfter }: Certificate, now: number): Pick<Rolled, 'hasEnded'> => (notAfter < now ? { hasEnded: true } : {});

function endOf(data: string, name: string, now: number): Pick<Rolled, 'hasEnded'> {
  const [der] = readCertificates(authorityFiles(data, name).certificate, `authorities/${name}/cert.pem`) ?? [];
  return der === undefined ? {} : isOver(readCertificate(der, `authorities/${name}/cert.pem`), now);
}

const certificateDetails = ({ serial, notAfter }: Certificate, from: number): Record<string, string | number> => ({ serial, notAfter, from });

const madeOf = ({ subject, subjectName, issuer, notAfter }: Certificate, from: number): Pick<Rolled, 'subject' | 'from' | 'notAfter' | 'isAnchor'> => ({
  subject: distinguishedNameToText(subjectName), from: iso(from), notAfter: iso(notAfter), ...(Buffer.compare(subject, issuer) === 0 ? { isAnchor: true } : {}),
});

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
