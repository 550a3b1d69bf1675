import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { isSignedBy } from '../x509/signature.ts';
import type { News } from './crl/news.ts';
import { type PeerCertificate, readPeerCertificate, remembered, serialOctets } from './peer-certificate.ts';
import { type RevokedSerials, revokedSerials } from './revoked-serials.ts';
import { toldRevocations } from './told.ts';

/** What is made of a certificate by the CRLs, or why nothing can be. */
export type Verdict =
  | 'good'
  /** It, or an authority above it, is on a CRL or was told to be revoked. */
  | 'revoked' | 'issuer-revoked'
  /** Of no authority whose CRL is watched. */
  | 'issuer-unknown'
  /** There was no CRL of its authority yet. */
  | 'crl-missing'
  /** The CRL has ended, or nothing was heard for longer than is allowed. */
  | 'crl-stale'
  | 'not-yet-valid' | 'expired';

export interface StandingOptions {
  /** Whether a CRL that has ended still counts; one that was never there does not. */
  readonly stale: 'deny' | 'allow';
  /** Milliseconds since the CRLs were last looked for with success; undefined: their own end decides alone. */
  readonly mostSilence: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Which certificates are good now. */
export interface Standing {
  /** Takes in what the watch of the CRLs has found. */
  readonly learn: (news: News) => void;
  /** The certificate of a text as the Engine sends it. Throws an `X509Error`. */
  readonly read: (text: string) => PeerCertificate;
  /** Judges by the text, whose way up is remembered. */
  readonly judge: (text: string) => Verdict;
  /** The authority that issued it, where it is known. */
  readonly issuerOf: (text: string) => string | undefined;
}

interface Authority {
  readonly name: string;
  readonly certificate: Certificate;
  crl: { readonly thisUpdate: number; readonly nextUpdate: number; readonly serials: RevokedSerials } | undefined;
}

/** A serial, and the authority on whose CRL it would be. */
interface Link {
  readonly serial: Uint8Array;
  readonly hex: string;
  readonly authority: Authority;
}

interface Peer {
  readonly peer: PeerCertificate;
  /** From the certificate up, as far as authorities are known. */
  readonly way: readonly Link[];
}

/** Authorities above each other; more are a mistake. */
const MOST_DEPTH = 8;

export function standing({ stale, mostSilence, now }: StandingOptions): Standing {
  let authorities: readonly Authority[] = [];
  let confirmed = -Infinity;
  const told = toldRevocations();

  const peers = remembered((text): Peer => {
    const peer = readPeerCertificate(text);
    return { peer, way: wayUp(peer.certificate) };
  });

  /** The authority that signed a certificate: there may be several of one name, with an old key and a new one. */
  const signerOf = (certificate: Certificate): Authority | undefined =>
    authorities.find((authority) => equalBytes(authority.certificate.subject, certificate.issuer) && isSignedBy(certificate, authority.certificate.publicKey));

  const wayUp = (leaf: Certificate): Link[] => {
    const way: Link[] = [];
    for (let certificate = leaf; way.length < MOST_DEPTH;) {
      const authority = signerOf(certificate);
      if (authority === undefined || equalBytes(authority.certificate.der, certificate.der)) break;
      way.push({ serial: serialOctets(certificate.serial), hex: certificate.serial, authority });
      certificate = authority.certificate;
    }
    return way;
  };

  const isStale = ({ crl }: Authority): boolean =>
    crl === undefined || crl.nextUpdate * 1000 <= now() || (mostSilence !== undefined && now() - confirmed > mostSilence);

  const judgeWay = (way: readonly Link[]): Verdict => {
    if (way.length === 0) return 'issuer-unknown';
    const revoked = way.findIndex(({ serial, hex, authority: { name, crl } }) => crl?.serials.has(serial) === true || told.has(name, hex));
    if (revoked !== -1) return revoked === 0 ? 'revoked' : 'issuer-revoked';
    if (way.some(({ authority }) => authority.crl === undefined)) return 'crl-missing';
    return stale === 'deny' && way.some(({ authority }) => isStale(authority)) ? 'crl-stale' : 'good';
  };

  const learnOf: { readonly [K in News['kind']]: (news: Extract<News, { kind: K }>) => void } = {
    authorities: ({ items }) => {
      authorities = items.map(({ authority: name, issuer }) => {
        const known = authorities.find((one) => equalBytes(one.certificate.der, issuer));
        return { name, certificate: known?.certificate ?? parseCertificate(issuer), crl: known?.crl };
      });
      peers.clear();
    },
    crl: ({ issuer, thisUpdate, nextUpdate, serials }) => {
      const authority = authorities.find(({ certificate }) => equalBytes(certificate.der, issuer));
      if (authority === undefined) return;
      authority.crl = { thisUpdate, nextUpdate, serials: revokedSerials(serials) };
      told.settle(authorities.map(({ name, crl }) => ({ authority: name, thisUpdate: crl?.thisUpdate })));
    },
    revocation: told.learn,
    looked: ({ good, at }) => { if (good) confirmed = at; },
  };

  return {
    learn: (news) => (learnOf[news.kind] as (news: News) => void)(news),
    read: (text) => peers.get(text).peer,
    issuerOf: (text) => peers.get(text).way[0]?.authority.name,
    judge: (text) => {
      const { peer: { certificate: { notBefore, notAfter } }, way } = peers.get(text);
      const seconds = Math.floor(now() / 1000);
      // The Engine asks for it at the handshake alone; a connection may last for days.
      if (seconds > notAfter) return 'expired';
      if (seconds < notBefore) return 'not-yet-valid';
      return judgeWay(way);
    },
  };
}
