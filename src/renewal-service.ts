import { randomBytes } from 'node:crypto';
import { successorOf } from './authority/succession.ts';
import type { Core } from './core.ts';
import type { App } from './http/app.ts';
import type { Authentication } from './http/authentication.ts';
import { renewalInfoRoutes } from './http/rest/renewal-campaigns.ts';
import type { RequestRecord } from './issuance/request.ts';
import { compileProfiles } from './policy/profile.ts';
import { type RenewalAdvice, renewalAdvice } from './renewal/advice.ts';
import { campaignsIn } from './renewal/campaigns.ts';

type Parts = Pick<Core, 'store' | 'authorities' | 'standing' | 'clock'>;

/** When a certificate is best renewed; ACME and the REST API give the same answer. */
export function renewalAdviser({ store, authorities, standing, clock }: Parts): (record: RequestRecord) => Promise<RenewalAdvice> {
  const campaigns = campaignsIn({ objects: store.objects, clock, random: randomBytes });
  const byName = new Map(authorities.all.map((authority) => [authority.name, authority]));
  return async (record) => {
    const issuer = byName.get(record.authority);
    const replaced = issuer === undefined || successorOf(authorities, record.authority) !== record.authority || (record.notBefore ?? 0) < issuer.certificate.notBefore;
    const revoked = standing.revocationOf(record.authority) !== undefined;
    return renewalAdvice(record, { replaced, revoked }, await campaigns.standing(), Math.floor(clock() / 1000));
  };
}

/** Routes for renewal information and campaigns. */
export function renewalDoor(core: Parts & Pick<Core, 'config'>, authentication: Authentication): (app: App) => void {
  const { store, authorities, config, clock } = core;
  return (app) => renewalInfoRoutes(app, {
    store: store.certificates,
    adviceOn: renewalAdviser(core),
    campaigns: campaignsIn({ objects: store.objects, clock, random: randomBytes }),
    known: { authority: new Set(authorities.all.map(({ name }) => name)), profile: new Set(compileProfiles(config.profiles).keys()) },
    authentication, clock,
  });
}
