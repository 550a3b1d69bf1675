import type { Authority } from '../authority/authority.ts';
import { sha256 } from '../digest.ts';
import type { CrlStore } from '../store/crl-store.ts';
import { StoreUnavailable } from '../store/store.ts';
import type { Certificate } from '../x509/certificate.ts';
import { integer, sequence } from '../x509/der/writer.ts';
import { X509Error } from '../x509/errors.ts';
import { certIdIssuers } from '../x509/ocsp-cert-id.ts';
import { type CertId, type OcspRequest, parseOcspRequest, plainCertId } from '../x509/ocsp-request.ts';
import { encodeOcspError, encodeSingleResponse, type OcspStatus } from '../x509/ocsp-response.ts';
import { encodeSerial } from '../x509/serial.ts';
import { latestUsed } from './ocsp-cache.ts';
import { type OcspSigner, signAnswer } from './ocsp-signer.ts';
import { issuedBy, type StandingSources, standingOf } from './ocsp-standing.ts';
import { revocationWatch } from './ocsp-watch.ts';

export interface OcspResponderOptions {
  readonly authority: Authority;
  /** Certificates of authorities, which have no record: those that this authority signed are answered too. */
  readonly authorities: readonly Certificate[];
  readonly sources: StandingSources & { readonly crls: Pick<CrlStore, 'standing' | 'changes' | 'change'> };
  /** Who signs now; undefined while there is nobody. */
  readonly signer: () => OcspSigner | undefined;
  /** From thisUpdate to nextUpdate, seconds. */
  readonly lifetime: number;
  /** How long a record stays after its certificate ended, seconds. */
  readonly retainEnded: number;
  /** How many answers are kept. */
  readonly kept: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Told of each answer, and whether it was a kept one. */
  readonly answered: (outcome: OcspOutcome, kept: boolean) => void;
  /** Told of what broke. */
  readonly failed: (error: unknown) => void;
}

/** How a request was answered: what was said of the certificate (the worst, where there were several), or why nothing was said. */
export type OcspOutcome = 'good' | 'revoked' | 'unknown' | Exclude<OcspStatus, 'successful'>;

export interface OcspAnswer {
  /** The OCSPResponse. */
  readonly der: Buffer;
  readonly outcome: OcspOutcome;
  /** Only where caches may keep it: about one certificate that was issued, without a nonce. */
  readonly validity?: OcspValidity;
}

export interface OcspValidity {
  /** Strong, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The same times as HTTP writes them. */
  readonly lastModified: string;
  readonly expires: string;
  /** True where another answer may have been given out in the very second of thisUpdate. */
  readonly secondIsShared: boolean;
}

export interface OcspResponder {
  /** The answer to an OCSPRequest, whatever the bytes are. At once where it is kept, and never rejected. */
  readonly answer: (request: Uint8Array) => OcspAnswer | Promise<OcspAnswer>;
  /** A revocation or release of this serial is durable: from now on no answer is from before it. */
  readonly changed: (serial: string) => void;
  /** Catches up with what other processes have revoked and released, where answers are kept that hang on it. */
  readonly look: () => Promise<void>;
}

/** What is said of one certificate, and the whole answer where that is all that was asked. */
interface Kept {
  readonly outcome: OcspOutcome;
  /** SingleResponse, DER. */
  readonly single: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly secondIsShared: boolean;
  answer?: { readonly by: OcspSigner; readonly whole: OcspAnswer };
}

/** Nothing is known of a serial because it was not issued; it may be a moment later, so this is not said for long. */
const UNKNOWN_LIFETIME = 60;
/** Serials of which it is known when they changed; with more, it is taken to be so of all. */
const REMEMBERED = 1000;
/** Clocks of processes differ: how much later than a revocation another one may still have said good, seconds. */
const CLOCKS_DIFFER = 10;
const WORST_FIRST: readonly OcspOutcome[] = ['revoked', 'unknown', 'good'];

/** Answers for one authority (RFC 6960), from what its store says and what it said before. */
export function ocspResponder({ authority, authorities, sources, signer, lifetime, retainEnded, kept, clock, answered, failed }: OcspResponderOptions): OcspResponder {
  const own = issuedBy(authorities, authority);
  const forms = certIdIssuers(authority.certificate.subject, authority.certificate.publicKey);
  const issuers = new Set(forms.map(latin1));
  // By CertID, octet for octet: DER has one form for each.
  const cache = latestUsed<Kept>(kept);
  // Rises with each change, so that what was read before it is not kept after it.
  let generation = 0;
  // When serials changed last: of the same second there may be an answer from before.
  const changes = latestUsed<number>(REMEMBERED);
  let anyChanged = -Infinity;
  const changed = (serial: string): void => {
    generation += 1;
    changes.set(serial, seconds());
    if (changes.size() === REMEMBERED) anyChanged = seconds();
    const number = integerOf(serial);
    // Whatever was meant by it, nothing is left that could be about it.
    if (number === undefined) cache.clear();
    else for (const issuer of forms) cache.delete(latin1(sequence(issuer, number)));
  };
  const watch = revocationWatch({
    store: sources.crls, authority: authority.name,
    changed: (serials) => {
      generation += 1;
      if (serials !== undefined) return serials.forEach(changed);
      // At the first look nothing was answered yet.
      if (cache.size() > 0) anyChanged = seconds();
      cache.clear();
    },
  });

  const keyOf = ({ issuer, der }: CertId): string | undefined => (issuers.has(latin1(issuer)) ? latin1(der) : undefined);
  /** RFC 5019 2.2.4: an answer is renewed well before its end, here at half of its life. */
  const isGood = ({ thisUpdate, nextUpdate }: Kept, now: number): boolean => now >= thisUpdate && now < thisUpdate + (nextUpdate - thisUpdate) / 2;

  const lookUp = async (certId: CertId, signs: OcspSigner): Promise<Kept> => {
    const key = keyOf(certId);
    const before = generation;
    const known = key === undefined ? undefined : cache.get(key);
    const asked = seconds();
    if (known !== undefined && isGood(known, asked) && known.nextUpdate <= signs.certificate.notAfter) return known;
    const { certStatus, notAfter } = key === undefined ? FOREIGN : await standingOf(sources, authority, own, certId.serial, asked);
    const thisUpdate = seconds();
    const life = certStatus.status === 'unknown' ? Math.min(UNKNOWN_LIFETIME, lifetime) : lifetime;
    const nextUpdate = Math.min(thisUpdate + life, signs.certificate.notAfter);
    // RFC 6960 4.4.4: of certificates that have ended, how far back this service remembers.
    const archiveCutoff = notAfter !== undefined && notAfter < thisUpdate ? thisUpdate - retainEnded : undefined;
    const single = encodeSingleResponse({ certId: certId.der, certStatus, thisUpdate, nextUpdate, archiveCutoff });
    const since = Math.max(certStatus.status === 'revoked' ? certStatus.at : -Infinity, changes.get(certId.serial) ?? -Infinity, anyChanged);
    const secondIsShared = since + CLOCKS_DIFFER >= thisUpdate;
    const fresh: Kept = { outcome: certStatus.status, single, thisUpdate, nextUpdate, secondIsShared };
    if (key !== undefined && certStatus.status !== 'unknown' && before === generation) cache.set(key, fresh);
    return fresh;
  };

  const answerAbout = async ({ certIds, nonce }: OcspRequest): Promise<OcspAnswer> => {
    // RFC 5019 2.2.3: of certificates of others nothing can be said with authority.
    if (certIds.every((certId) => keyOf(certId) === undefined)) return errorAnswer('unauthorized');
    if (!watch.isFresh()) await watch.look();
    const signs = signer();
    if (signs === undefined || signs.certificate.notAfter < seconds()) return errorAnswer('tryLater');
    const found = await Promise.all(certIds.map((certId) => lookUp(certId, signs)));
    const producedAt = Math.max(seconds(), ...found.map(({ thisUpdate }) => thisUpdate));
    const der = Buffer.from(await signAnswer(signs, { authority, asked: certIds.map((certId) => certId.der), responses: found.map(({ single }) => single), nonce, producedAt }));
    const [only] = found;
    if (only === undefined || found.length > 1 || nonce !== undefined || only.outcome === 'unknown') return { der, outcome: worst(found) };
    const { outcome, thisUpdate, nextUpdate, secondIsShared } = only;
    // Where a change came meanwhile, the cache has let go of `only`, and so of this.
    const [lastModified, expires] = [httpDate(thisUpdate), httpDate(nextUpdate)];
    const whole = { der, outcome, validity: { etag: `"${sha256(der).slice(0, 32)}"`, thisUpdate, nextUpdate, lastModified, expires, secondIsShared } };
    only.answer = { by: signs, whole };
    return whole;
  };

  /** The whole way of most requests: one certificate, nothing else, and the answer is kept. Such a request need not be read again. */
  const keptAnswer = (bytes: Uint8Array): OcspAnswer | undefined => {
    const certId = plainCertId(bytes);
    const known = certId === undefined || !watch.isFresh() ? undefined : cache.get(latin1(certId));
    // Not by a signer that was replaced: its certificate may have been revoked.
    return known !== undefined && isGood(known, seconds()) && known.answer?.by === signer() ? known.answer?.whole : undefined;
  };
  const seconds = (): number => Math.floor(clock() / 1000);
  const told = (answer: OcspAnswer): OcspAnswer => {
    answered(answer.outcome, false);
    return answer;
  };

  return {
    answer: (bytes) => {
      const known = keptAnswer(bytes);
      if (known !== undefined) {
        answered(known.outcome, true);
        return known;
      }
      let request: OcspRequest;
      try {
        request = parseOcspRequest(bytes);
      } catch (error) {
        if (!(error instanceof X509Error)) failed(error);
        return told(errorAnswer('malformedRequest'));
      }
      return answerAbout(request).catch((error: unknown) => {
        // RFC 6960 2.3: the client may ask again, or ask for the CRL; what broke is nobody's business.
        if (error instanceof StoreUnavailable) return errorAnswer('tryLater');
        failed(error);
        return errorAnswer('internalError');
      }).then(told);
    },
    changed,
    // Where nothing is kept, the next question looks for itself.
    look: () => (cache.size() === 0 ? Promise.resolve() : watch.look()),
  };
}

const FOREIGN = { certStatus: { status: 'unknown' }, notAfter: undefined } as const;

const ERRORS: ReadonlyMap<OcspOutcome, OcspAnswer> = new Map((['malformedRequest', 'internalError', 'tryLater', 'unauthorized'] as const)
  .map((outcome) => [outcome, { der: Buffer.from(encodeOcspError(outcome)), outcome }]));

/** An answer that says why there is none. */
const errorAnswer = (outcome: 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized'): OcspAnswer => ERRORS.get(outcome) as OcspAnswer;

/** Undefined for text that is no serial number: whoever asked to revoke that is refused elsewhere. */
function integerOf(serial: string): Uint8Array | undefined {
  try {
    return serial === '00' ? integer(0) : encodeSerial(serial);
  } catch (error) {
    if (error instanceof X509Error) return undefined;
    throw error;
  }
}

const httpDate = (seconds: number): string => new Date(seconds * 1000).toUTCString();

const worst = (found: readonly Kept[]): OcspOutcome => WORST_FIRST.find((outcome) => found.some((one) => one.outcome === outcome)) ?? 'unknown';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
