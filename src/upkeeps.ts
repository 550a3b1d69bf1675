import { randomUUID } from 'node:crypto';
import type { Core, Issuance } from './core.ts';
import { rechecker } from './eligibility/recheck.ts';
import type { HttpsListener } from './https-listener.ts';
import { finishApproved } from './issuance/finish.ts';
import type { Log } from './log.ts';
import type { OcspResponders } from './ocsp-responders.ts';
import type { OptionalParts } from './optional-parts.ts';
import type { ReplicaKeeper } from './replicas.ts';
import { keepUp, type Upkeep } from './upkeep.ts';

const SECOND = 1000;

/** Milliseconds between the end of one run of a task and the start of the next. */
const EVERY = {
  replicas: 10 * SECOND,
  certificates: 60 * SECOND,
  standing: 500,
  ocsp: 400,
  sweep: 30 * SECOND,
  approved: 30 * SECOND,
  waiting: SECOND,
  acme: 500,
};

/** Milliseconds, and records removed in one step. */
const SWEEP = { lease: 90 * SECOND, most: 2000 };

export interface UpkeepOptions {
  readonly core: Core;
  readonly cycle: Issuance;
  readonly replica: ReplicaKeeper;
  readonly https: HttpsListener;
  readonly ocsp: OcspResponders;
  readonly acme: OptionalParts['acme'];
  readonly log: Log;
}

/** Starts everything that a service does periodically. @returns what stops it all */
export function startUpkeeps({ core, cycle, replica, https, ocsp, acme, log }: UpkeepOptions): () => Promise<unknown> {
  const failed = (what: string) => (err: unknown): void => log.error({ err }, what);
  const { issuance } = cycle;
  const holder = randomUUID();
  const upkeeps: Upkeep[] = [
    keepUp(EVERY.replicas, replica.look, failed('the other replicas could not be asked for their configuration')),
    keepUp(EVERY.certificates, https.look, failed('the service\'s own certificate could not be renewed')),
    keepUp(EVERY.certificates, () => ocsp.renew(cycle), failed('the certificates of the OCSP responders could not be renewed')),
    keepUp(EVERY.standing, core.standing.look, failed('it could not be checked whether an authority was revoked')),
    keepUp(EVERY.ocsp, ocsp.look, failed('OCSP could not catch up with revocations; kept answers are not used')),
    keepUp(EVERY.sweep, () => sweep(core, holder), failed('expired records could not be removed')),
    keepUp(EVERY.approved, () => finishApproved(issuance), failed('approved requests could not be finished')),
    keepUp(EVERY.waiting, rechecker({ context: issuance, objects: core.store.objects }).look, failed('waiting requests could not be checked again')),
    keepUp(EVERY.acme, acme.look, failed('validations that are due could not be found')),
  ];
  return () => Promise.all(upkeeps.map((upkeep) => upkeep.stop()));
}

/** @param holder a random name, since process ids are the same in every container */
async function sweep({ store, config, clock }: Core, holder: string): Promise<void> {
  const retainEnded = config.store.retainEnded * SECOND;
  const lease = await store.leases.acquire('sweep', holder, clock(), SWEEP.lease);
  if (lease === undefined) return;
  while (await store.sweep(clock(), { retainEnded, most: SWEEP.most })) await new Promise((resolve) => setImmediate(resolve));
}
