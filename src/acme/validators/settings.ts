import type { Network } from '../../outgoing/network.ts';

/** How identifiers are validated: from the configuration, checked. */
export interface ValidationSettings {
  /** `host:port` of the recursive resolver; those of the system where undefined. */
  readonly resolver: string | undefined;
  /** Where http-01 asks, and where redirects to http may lead. 80 for the Internet (RFC 8555 8.3). */
  readonly http01Port: number;
  /** Where tls-alpn-01 asks, and where redirects to https may lead. 443 for the Internet (RFC 8737 3). */
  readonly tlsAlpn01Port: number;
  /** Special-purpose networks that may be called all the same. */
  readonly permitNetworks: readonly Network[];
  /** Seconds for one attempt, CAA included. */
  readonly timeout: number;
  readonly caa: {
    /** Names that stand for this authority in CAA records, and in those of dns-persist-01; lower case. */
    readonly identities: readonly string[];
    /** Whether CAA holds for a DNS name: not for those of private zones. */
    readonly applies: (name: string) => boolean;
  };
}
