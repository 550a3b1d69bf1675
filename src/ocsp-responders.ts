import { join } from 'node:path';
import type { Authority } from './authority/authority.ts';
import { AuthorityError } from './authority/errors.ts';
import { isOver } from './authority/succession.ts';
import { fileSigningKey } from './authority/keys/file.ts';
import { byOneProcess, ownLease } from './by-one-process.ts';
import type { Core, Issuance } from './core.ts';
import { Refused } from './errors.ts';
import {
  readResponder, readResponderFile, renewResponderCertificate, type Responder, type ResponderCertificateOptions, responderCertificateIsDue,
} from './issuance/responder-certificate.ts';
import type { Readiness } from './http/published/health.ts';
import type { Log } from './log.ts';
import { type OcspResponder, ocspResponder } from './revocation/ocsp-responder.ts';
import { type OcspSigner, ocspSigner } from './revocation/ocsp-signer.ts';
import { parseCertificate } from './x509/certificate.ts';

/** The OCSP responders of this process. */
export interface OcspResponders {
  /** Keyed by authority name. */
  readonly all: ReadonlyMap<string, OcspResponder>;
  /** Renews responder certificates that are due, and loads those that other processes renewed. */
  readonly renew: (issuance: Issuance) => Promise<void>;
  /** To be called when this process has written a revocation or release of the serial. */
  readonly changed: (serial: string) => void;
  /** Catches up with revocations by other processes. */
  readonly look: () => Promise<void>;
  /** For `/readyz`. Informational only: everything else can be served without OCSP. */
  readonly readiness: readonly Readiness[];
}

/** Milliseconds before retrying. A refusal leaves a record, and while configuration and authority stay as they are it would recur. */
const AFTER_REFUSAL = 600_000;

/** One for each authority whose key is here, since only it can delegate. None if OCSP is disabled. */
export function ocspResponders(core: Core, log: Log): OcspResponders {
  const { config: { ocsp, store: { retainEnded } }, clock, store, authorities, metrics } = core;
  const signing = ocsp.serve ? core.signing : [];
  const certificates = [...authorities.all.map(({ certificate }) => certificate), ...authorities.all.flatMap(({ chain, root }) => [...chain, root].map(parseCertificate))];
  const notBefore = new Map<string, number>();
  const signers = new Map<string, { readonly file: string; readonly signer: OcspSigner }>();
  const all = new Map(signing.map((authority) => [authority.name, ocspResponder({
    authority, authorities: certificates, sources: store, clock, retainEnded, lifetime: ocsp.lifetime, kept: ocsp.kept,
    signer: () => signers.get(authority.name)?.signer,
    answered: metrics.ocspAnswered,
    failed: (err) => log.error({ err, authority: authority.name }, 'an OCSP answer could not be made'),
  })]));

  const renewOne = async (authority: Authority, { issuance, publishedAt }: Issuance): Promise<void> => {
    const options: ResponderCertificateOptions = {
      context: issuance, authority, publishedAt: publishedAt(authority.name), lifetime: ocsp.responderLifetime,
      folder: join(core.config.runtime, 'ocsp', authority.name), passphrase: core.config.authority.passphrase,
    };
    const renewIf = (isDue: () => Promise<boolean>): Promise<void> =>
      byOneProcess({ leases: store.leases, clock, name: ownLease(`ocsp-responder:${authority.name}`, core.config), isDue, make: () => renewResponderCertificate(options) });
    await renewIf(() => responderCertificateIsDue(options));
    const file = readResponderFile(options.folder);
    if (file === undefined || file === signers.get(authority.name)?.file) return;
    let responder = readable(options, log);
    if (responder === undefined) {
      await renewIf(async () => readResponderFile(options.folder) === file);
      responder = readResponder(options.folder, options.passphrase);
    }
    const { certificate, key } = responder;
    const signingKey = fileSigningKey(key, { verifySignatures: core.config.authority.verifySignatures });
    signers.set(authority.name, { file: readResponderFile(options.folder) ?? file, signer: ocspSigner(certificate, signingKey, ocsp.responderId) });
    metrics.ocspResponder(authority.name, certificate.notAfter);
  };
  const standing = (): readonly Authority[] => signing.filter((authority) => !isOver(authorities, authority, clock() / 1000));
  const without = (): readonly string[] =>
    standing().map(({ name }) => name).filter((name) => (signers.get(name)?.signer.certificate.notAfter ?? 0) < clock() / 1000);

  return {
    all,
    changed: (serial) => all.forEach((responder) => responder.changed(serial)),
    renew: async (issuance) => {
      for (const { name } of signing.filter((authority) => !standing().includes(authority))) metrics.ocspResponder(name, undefined);
      for (const authority of standing().filter(({ name }) => clock() >= (notBefore.get(name) ?? 0))) {
        // A failure of one must not keep the others from being renewed.
        await renewOne(authority, issuance).catch((err: unknown) => {
          log.error({ err, authority: authority.name }, 'the certificate of the OCSP responder could not be renewed');
          if (err instanceof Refused) notBefore.set(authority.name, clock() + AFTER_REFUSAL);
        });
      }
    },
    readiness: signing.length === 0 ? [] : [{
      name: 'ocsp', check: () => Promise.resolve(undefined),
      note: async () => (without().length === 0 ? undefined : `OCSP answers tryLater for ${without().join(', ')}: there is no valid certificate to sign with`),
    }],
    look: async () => void await Promise.all([...all.values()].map(({ look }) => look())),
  };
}

/** Undefined if the key is unusable: damaged, encrypted with another passphrase, or its file readable by others. */
function readable({ folder, passphrase, authority }: ResponderCertificateOptions, log: Log): Responder | undefined {
  try {
    return readResponder(folder, passphrase);
  } catch (err) {
    if (!(err instanceof AuthorityError)) throw err;
    log.warn({ err, authority: authority.name }, 'the key of the OCSP responder cannot be used, and is replaced');
    return undefined;
  }
}
