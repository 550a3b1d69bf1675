import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AttestationConfig } from './config/attestation-schema.ts';
import { ruleOf, type WrittenRule } from './config/rule-schema.ts';
import type { Core } from './core.ts';
import { sha256 } from './digest.ts';
import type { App } from './http/app.ts';
import type { Authentication } from './http/authentication.ts';
import { attestationRoutes } from './http/rest/attestations.ts';
import type { AttestationContext, Way } from './identity/attestation/admit.ts';
import type { Attestor } from './identity/attestation/attestor.ts';
import { awsAttestor, awsKey } from './identity/attestation/aws.ts';
import { azureAttestor } from './identity/attestation/azure.ts';
import type { Trust } from './identity/attestation/certification-path.ts';
import { challenges } from './identity/attestation/challenge.ts';
import { gcpAttestor } from './identity/attestation/gcp.ts';
import { GOOGLE_KEYS, googleTokens } from './identity/attestation/google-token.ts';
import { keptFile } from './identity/attestation/kept-file.ts';
import { revocationLists } from './identity/attestation/revocation-lists.ts';
import { sshAttestor } from './identity/attestation/ssh.ts';
import { parseKnownHosts } from './identity/attestation/ssh/known-hosts.ts';
import { x509Attestor } from './identity/attestation/x509.ts';
import { x509popAttestor } from './identity/attestation/x509pop.ts';
import { readMaster } from './identity/master-secret.ts';
import { fetchIssuerKeys } from './identity/oidc/fetch-keys.ts';
import { parseKeySet } from './identity/oidc/key-set.ts';
import { fetchedKeys, type KeySource } from './identity/oidc/key-source.ts';
import { compileRule } from './identity/rules/rule.ts';
import type { Log } from './log.ts';
import { makeAddressGuard } from './outgoing/address-guard.ts';
import { makeDial } from './outgoing/dial.ts';
import { systemLookup } from './outgoing/system-lookup.ts';
import { ProfileError } from './policy/profile.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { OID } from './x509/oids.ts';
import { decodePem } from './x509/pem.ts';

const SECOND = 1000;
/** Milliseconds. Google's keys change every few weeks. */
const REFRESH_KEYS = 900 * SECOND;
const KEEP_KEYS = 6 * 3600 * SECOND;

/**
 * Registers the attestation routes, by which nodes prove what they are.
 * @throws ProfileError naming every file that cannot be used
 */
export function attestationDoor(core: Core, authentication: Authentication, log: Log): (app: App) => void {
  const { config: { attestation: settings, data }, clock, store, authorities, metrics } = core;
  const faults: string[] = [];
  /** Collects failures, so that every unusable file is reported at once. */
  const usable = <T>(where: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      faults.push(`attestation.${where}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  // Only our own authorities: if they are subordinate to an external root, that root may serve as an anchor.
  const ours = authorities.all.filter((authority) => authorities.mode !== 'external' || authority !== authorities.root);
  const own = new Set(ours.map(({ certificate }) => sha256(certificate.publicKey.der)));
  const ways = new Map(waysOf(settings, usable, { own, googleKeys: () => googleKeys(settings, clock, log) }).map((way) => [way.attestor.kind, way]));
  if (faults.length > 0) throw new ProfileError(faults);
  const master = readMaster(data, randomBytes);
  const context: AttestationContext = {
    ways, master, random: randomBytes, clock, objects: store.objects, tokens: store.tokens, rootDigest: authorities.issuing.rootDigest,
    challenges: challenges({ master, random: randomBytes, clock, lifetime: settings.challengeLifetime * SECOND }),
    tokenLifetime: settings.tokenLifetime * SECOND, claimLifetime: settings.claimLifetime * SECOND, counted: metrics.attested,
  };
  return (app) => attestationRoutes(app, { attestation: context, authentication });
}

type Usable = <T>(where: string, read: () => T) => T | undefined;

/** The configured kinds of proof. */
function waysOf({ x509, aws, gcp, azure, ssh }: AttestationConfig, usable: Usable, { own, googleKeys: keys }: { readonly own: ReadonlySet<string>; readonly googleKeys: () => KeySource }): readonly Way[] {
  const ways: Way[] = [];
  const add = (attestor: Attestor, rules: readonly WrittenRule[], once: boolean): void => void ways.push({ attestor, rules: rules.map((rule) => compileRule(ruleOf(rule))), once });
  if (x509 !== undefined) {
    const revoked = x509.crls.length === 0 ? undefined : usable('x509.crls', () => revocationLists(x509.crls));
    const trust: Trust = { ...trustOf('x509', x509, usable), purpose: OID.clientAuth, own, ...(revoked === undefined ? {} : { revoked }) };
    if (x509.methods.includes('tls')) add(x509Attestor(trust), x509.rules, false);
    if (x509.methods.includes('signature')) add(x509popAttestor(trust), x509.rules, false);
  }
  if (aws !== undefined) {
    const found = Object.entries(aws.certificates).flatMap(([region, file]) => usable(`aws.certificates.${region}`, () => certificatesOf(file).map((pem) => awsKey(region, pem))) ?? []);
    add(awsAttestor({ keys: found, maxAge: aws.maxAge }), aws.rules, aws.once);
  }
  if (gcp !== undefined) {
    const source = usable('gcp.keys', keys);
    if (source !== undefined) add(gcpAttestor({ audience: gcp.audience, maxAge: gcp.maxAge, verify: googleTokens(source) }), gcp.rules, gcp.once);
  }
  if (azure !== undefined) add(azureAttestor({ trust: { ...trustOf('azure', azure, usable), purpose: OID.serverAuth }, signers: azure.signers }), azure.rules, azure.once);
  if (ssh !== undefined) {
    const known = usable('ssh.knownHosts', () => keptFile(ssh.knownHosts, (content) => parseKnownHosts(content.toString('utf8'))));
    if (known !== undefined) add(sshAttestor(known), ssh.rules, false);
  }
  return ways;
}

function trustOf(part: string, { roots, intermediates }: { readonly roots: readonly string[]; readonly intermediates: readonly string[] }, usable: Usable): Pick<Trust, 'anchors' | 'intermediates'> {
  const read = (name: string, files: readonly string[]): Certificate[] => files.flatMap((file) =>
    usable(`${part}.${name}`, () => decodePem(readFileSync(file, 'latin1'), 'CERTIFICATE').map(parseCertificate)) ?? []);
  return { anchors: read('roots', roots), intermediates: read('intermediates', intermediates) };
}

const certificatesOf = (file: string): string[] => {
  const found = readFileSync(file, 'latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found === null) throw new Error(`${file} holds no certificate`);
  return found;
};

/** From the configured file, or fetched from Google: the only outbound call attestation makes, to an address that no proof can influence. */
function googleKeys({ gcp }: AttestationConfig, clock: () => number, log: Log): KeySource {
  if (gcp?.keys !== undefined) {
    const kept = keptFile(gcp.keys, parseKeySet);
    return { keys: async () => kept() };
  }
  const dial = makeDial(systemLookup, makeAddressGuard([]));
  return fetchedKeys({
    fetch: () => fetchIssuerKeys(dial, { ...GOOGLE_KEYS, allowHttp: false, ca: undefined, credential: undefined }),
    refresh: REFRESH_KEYS, keep: KEEP_KEYS, clock,
    fetched: (err) => void (err !== undefined && log.warn({ err }, 'the keys of Google could not be fetched')),
  });
}
