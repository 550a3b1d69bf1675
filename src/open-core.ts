import { randomBytes } from 'node:crypto';
import { loadAuthorities } from './authority/load.ts';
import { readBlockLists } from './block-lists.ts';
import type { Config } from './config/config.ts';
import type { Core } from './core.ts';
import { scheduleOf } from './crl-service.ts';
import { eligibilityOf } from './eligibility-service.ts';
import { authorityKeyHashes } from './issuance/authority-keys.ts';
import type { IssuanceContext } from './issuance/context.ts';
import { issuingProfiles } from './issuance/issuing-profiles.ts';
import { serialSource } from './issuance/serial.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { openUsableStore } from './open-store.ts';
import { compileProfiles } from './policy/profile.ts';
import { publishedAt } from './published-at.ts';
import { authorityStanding } from './revocation/authority-standing.ts';
import { metricSources } from './service-state.ts';
import type { WholeStore } from './store/transfer.ts';

const SECOND = 1000;

/**
 * Loads the authorities and opens the store, unless one is given.
 * @throws AuthorityError, ProfileError, StoreUnavailable
 */
export async function openCore(config: Config, clock: () => number, log?: Log, given?: WholeStore): Promise<Core> {
  const { passphrase, verifySignatures, issuing } = config.authority;
  const authorities = await loadAuthorities(config.data, passphrase, { verifySignatures, issuing, now: Math.floor(clock() / SECOND) });
  const profiles = compileProfiles(config.profiles);
  const blockLists = readBlockLists(config.keys);
  const store = given ?? await openUsableStore(config.store, log);
  const metrics = createMetrics(metricSources(store, authorities, clock), clock);
  const signing = authorities.all.filter(({ canSign }) => canSign);
  const standing = authorityStanding(store.crls, authorities.all);
  await standing.look();
  const crls: Core['crls'] = { scheduleOf: (authority) => scheduleOf(config, authority, authorities.root, authorities.issuing) };
  const blocked = new Set([...config.keys.block, ...authorityKeyHashes(authorities)]);
  return {
    config, clock, authorities, store, replicas: store.replicas, metrics, standing, signing, crls,
    issuanceAt: (httpUrl, report) => {
      const at = publishedAt(httpUrl, { config, authorities, signing, crls });
      const issuance: IssuanceContext = {
        store: store.requests,
        isBlocked: async (keyHash) => blocked.has(keyHash) || store.blockedKeys.has(keyHash),
        isKnownBlocked: (keyHash) => blocked.has(keyHash),
        storeIsRemote: config.store.url.kind !== 'embedded',
        profiles: issuingProfiles(profiles, authorities, at, standing.revocationOf),
        defaultProfile: config.defaultProfile,
        ...eligibilityOf({ config, store, blockLists, metrics, report }),
        clock,
        newSerial: serialSource(randomBytes),
        measure: metrics.part,
        counted: metrics.request,
        report,
      };
      return { issuance, publishedAt: at };
    },
  };
}
