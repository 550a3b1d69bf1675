import type { Network } from '../../outgoing/network.ts';

/** How identifiers are validated, from the checked configuration. */
export interface ValidationSettings {
  /** `host:port` of the recursive resolver; the system's if undefined. */
  readonly resolver: string | undefined;
  /** Port for http-01, and for redirects to http. 80 on the Internet (RFC 8555 8.3). */
  readonly http01Port: number;
  /** Port for tls-alpn-01, and for redirects to https. 443 on the Internet (RFC 8737 3). */
  readonly tlsAlpn01Port: number;
  /** Special-purpose networks that may be contacted nevertheless. */
  readonly permitNetworks: readonly Network[];
  /** Seconds for one attempt, including CAA. */
  readonly timeout: number;
  readonly caa: {
    /** Names that identify this authority in CAA and dns-persist-01 records; lower case. */
    readonly identities: readonly string[];
    /** Whether CAA applies to a DNS name: not in private zones. */
    readonly applies: (name: string) => boolean;
  };
}
