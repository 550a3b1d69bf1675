import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { isSignedBy } from '../x509/signature.ts';
import type { News } from './crl/news.ts';
import { type PeerCertificate, readPeerCertificate, remembered, serialOctets } from './peer-certificate.ts';
import { type RevokedSerials, revokedSerials } from './revoked-serials.ts';
import { toldRevocations } from './told.ts';

/** The status of a certificate by the CRLs, or why it cannot be determined. */
export type Verdict =
  | 'good'
  /** The certificate, or an authority above it, is on a CRL or was announced as revoked. */
  | 'revoked' | 'issuer-revoked'
  /** Not issued by an authority whose CRL is watched. */
  | 'issuer-unknown'
  /** No CRL of its authority has been received yet. */
  | 'crl-missing'
  /** The CRL has expired, or no poll has succeeded for longer than allowed. */
  | 'crl-stale'
  | 'not-yet-valid' | 'expired';

export interface StandingOptions {
  /** Whether an expired CRL still counts; one that was never received does not. */
  readonly stale: 'deny' | 'allow';
  /** Milliseconds since the last successful poll after which CRLs are stale; undefined: only their nextUpdate counts. */
  readonly mostSilence: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Judges which certificates are good now. */
export interface Standing {
  /** Takes in a message of the thread that watches the CRLs. */
  readonly learn: (news: News) => void;
  /** Parses a certificate as the Engine sends it. Throws an `X509Error`. */
  readonly read: (text: string) => PeerCertificate;
  /** Judges a certificate by its text; its chain is cached. */
  readonly judge: (text: string) => Verdict;
  /** The authority that issued it, if known. */
  readonly issuerOf: (text: string) => string | undefined;
}

interface Authority {
  readonly name: string;
  readonly certificate: Certificate;
  crl: { readonly thisUpdate: number; readonly nextUpdate: number; readonly serials: RevokedSerials } | undefined;
}

/** A serial number, and the authority whose CRL would list it. */
interface Link {
  readonly serial: Uint8Array;
  readonly hex: string;
  readonly authority: Authority;
}

interface Peer {
  readonly peer: PeerCertificate;
  /** From the certificate upwards, as far as authorities are known. */
  readonly way: readonly Link[];
}

/** The longest chain of authorities; a longer one is a mistake. */
const MOST_DEPTH = 8;

export function standing({ stale, mostSilence, now }: StandingOptions): Standing {
  let authorities: readonly Authority[] = [];
  let confirmed = -Infinity;
  const told = toldRevocations();

  const peers = remembered((text): Peer => {
    const peer = readPeerCertificate(text);
    return { peer, way: wayUp(peer.certificate) };
  });

  /** The authority that signed a certificate: there may be several of the same name, with an old and a new key. */
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
      // The Engine only checks it in the handshake, and a connection may last for days.
      if (seconds > notAfter) return 'expired';
      if (seconds < notBefore) return 'not-yet-valid';
      return judgeWay(way);
    },
  };
}
