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
  /** Certificates of authorities, which have no record: the responder also answers for those that this authority signed. */
  readonly authorities: readonly Certificate[];
  readonly sources: StandingSources & { readonly crls: Pick<CrlStore, 'standing' | 'changes' | 'change'> };
  /** The present signer; undefined if there is none. */
  readonly signer: () => OcspSigner | undefined;
  /** From thisUpdate to nextUpdate, seconds. */
  readonly lifetime: number;
  /** Seconds for which a record is kept after its certificate expired. */
  readonly retainEnded: number;
  /** Capacity of the response cache. */
  readonly kept: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called with each outcome, and whether the response came from the cache. */
  readonly answered: (outcome: OcspOutcome, kept: boolean) => void;
  /** Reports internal failures. */
  readonly failed: (error: unknown) => void;
}

/** The outcome of a request: the certificate's status (the worst, if there were several), or why there is none. */
export type OcspOutcome = 'good' | 'revoked' | 'unknown' | Exclude<OcspStatus, 'successful'>;

export interface OcspAnswer {
  /** The OCSPResponse, DER. */
  readonly der: Buffer;
  readonly outcome: OcspOutcome;
  /** Set only if caches may store it: a response about one certificate that was issued, without a nonce. */
  readonly validity?: OcspValidity;
}

export interface OcspValidity {
  /** Strong, quotes included. */
  readonly etag: string;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The same times in HTTP format. */
  readonly lastModified: string;
  readonly expires: string;
  /** True if a different response may have been given in the same second as thisUpdate. */
  readonly secondIsShared: boolean;
}

export interface OcspResponder {
  /** Answers an OCSPRequest, whatever the bytes are. Synchronous if the response is cached; never rejects. */
  readonly answer: (request: Uint8Array) => OcspAnswer | Promise<OcspAnswer>;
  /** To be called once a revocation or release of this serial is durable: from then on no response predates it. */
  readonly changed: (serial: string) => void;
  /** Catches up with revocations and releases by other processes, if any cached response depends on them. */
  readonly look: () => Promise<void>;
}

/** The cached status of a certificate, and the complete response for requests about nothing else. */
interface Kept {
  readonly outcome: OcspOutcome;
  /** SingleResponse, DER. */
  readonly single: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly secondIsShared: boolean;
  answer?: { readonly by: OcspSigner; readonly whole: OcspAnswer };
}

/** Seconds. A serial that was not issued may be issued a moment later, so this status is short-lived. */
const UNKNOWN_LIFETIME = 60;
/** Serials whose time of change is remembered; beyond that, all are assumed to have changed. */
const REMEMBERED = 1000;
/** Seconds after a revocation during which another process, whose clock differs, may still have said good. */
const CLOCKS_DIFFER = 10;
const WORST_FIRST: readonly OcspOutcome[] = ['revoked', 'unknown', 'good'];

/** OCSP responder for one authority (RFC 6960), based on its store and a cache of earlier responses. */
export function ocspResponder({ authority, authorities, sources, signer, lifetime, retainEnded, kept, clock, answered, failed }: OcspResponderOptions): OcspResponder {
  const own = issuedBy(authorities, authority);
  const forms = certIdIssuers(authority.certificate.subject, authority.certificate.publicKey);
  const issuers = new Set(forms.map(latin1));
  // Keyed by CertID, octet for octet, since DER is unique.
  const cache = latestUsed<Kept>(kept);
  // Incremented with each change, so that data read before a change is not cached after it.
  let generation = 0;
  // When serials last changed: a response from before may bear the same second.
  const changes = latestUsed<number>(REMEMBERED);
  let anyChanged = -Infinity;
  const changed = (serial: string): void => {
    generation += 1;
    changes.set(serial, seconds());
    if (changes.size() === REMEMBERED) anyChanged = seconds();
    const number = integerOf(serial);
    // Not a serial: to be safe, clear everything.
    if (number === undefined) cache.clear();
    else for (const issuer of forms) cache.delete(latin1(sequence(issuer, number)));
  };
  const watch = revocationWatch({
    store: sources.crls, authority: authority.name,
    changed: (serials) => {
      generation += 1;
      if (serials !== undefined) return serials.forEach(changed);
      // Before the first look, nothing has been answered.
      if (cache.size() > 0) anyChanged = seconds();
      cache.clear();
    },
  });

  const keyOf = ({ issuer, der }: CertId): string | undefined => (issuers.has(latin1(issuer)) ? latin1(der) : undefined);
  /** RFC 5019 2.2.4: responses are renewed well before they expire, here at half their lifetime. */
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
    // RFC 6960 4.4.4: for expired certificates, how far back this service remembers.
    const archiveCutoff = notAfter !== undefined && notAfter < thisUpdate ? thisUpdate - retainEnded : undefined;
    const single = encodeSingleResponse({ certId: certId.der, certStatus, thisUpdate, nextUpdate, archiveCutoff });
    const since = Math.max(certStatus.status === 'revoked' ? certStatus.at : -Infinity, changes.get(certId.serial) ?? -Infinity, anyChanged);
    const secondIsShared = since + CLOCKS_DIFFER >= thisUpdate;
    const fresh: Kept = { outcome: certStatus.status, single, thisUpdate, nextUpdate, secondIsShared };
    if (key !== undefined && certStatus.status !== 'unknown' && before === generation) cache.set(key, fresh);
    return fresh;
  };

  const answerAbout = async ({ certIds, nonce }: OcspRequest): Promise<OcspAnswer> => {
    // RFC 5019 2.2.3: there is no authoritative answer about other issuers' certificates.
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
    // If a change occurred meanwhile, `only` was evicted from the cache, and this response with it.
    const [lastModified, expires] = [httpDate(thisUpdate), httpDate(nextUpdate)];
    const whole = { der, outcome, validity: { etag: `"${sha256(der).slice(0, 32)}"`, thisUpdate, nextUpdate, lastModified, expires, secondIsShared } };
    only.answer = { by: signs, whole };
    return whole;
  };

  /** The fast path of most requests, a single certificate with a cached response: such a request need not be parsed again. */
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
        // RFC 6960 2.3: the client may retry, or use the CRL; internal causes are not disclosed.
        if (error instanceof StoreUnavailable) return errorAnswer('tryLater');
        failed(error);
        return errorAnswer('internalError');
      }).then(told);
    },
    changed,
    // If nothing is cached, the next request reads the store anyway.
    look: () => (cache.size() === 0 ? Promise.resolve() : watch.look()),
  };
}

const FOREIGN = { certStatus: { status: 'unknown' }, notAfter: undefined } as const;

const ERRORS: ReadonlyMap<OcspOutcome, OcspAnswer> = new Map((['malformedRequest', 'internalError', 'tryLater', 'unauthorized'] as const)
  .map((outcome) => [outcome, { der: Buffer.from(encodeOcspError(outcome)), outcome }]));

/** A response that says why there is no status. */
const errorAnswer = (outcome: 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized'): OcspAnswer => ERRORS.get(outcome) as OcspAnswer;

/** Undefined for text that is not a serial number: requests to revoke that are refused elsewhere. */
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
