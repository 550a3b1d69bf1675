/** The URLs of a directory's resources, relative to the base URL by which the client reached the service. */
export interface Urls {
  readonly base: string;
  readonly directory: string;
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly newAuthz: string;
  readonly revokeCert: string;
  readonly keyChange: string;
  readonly renewalInfo: string;
  readonly issuer: string;
  readonly account: (id: string) => string;
  readonly orders: (account: string) => string;
  readonly order: (id: string) => string;
  readonly finalize: (order: string) => string;
  readonly authorization: (id: string) => string;
  readonly challenge: (authorization: string, type: string) => string;
  readonly certificate: (serial: string) => string;
}

const known = new Map<string, Urls>();
const KNOWN_MOST = 64;

export function urlsOf(base: string, directory: string): Urls {
  const at = `${base}/acme/${directory}`;
  const found = known.get(at);
  if (found !== undefined) return found;
  const urls: Urls = {
    base: at,
    directory: `${at}/directory`,
    newNonce: `${at}/new-nonce`,
    newAccount: `${at}/new-account`,
    newOrder: `${at}/new-order`,
    newAuthz: `${at}/new-authz`,
    revokeCert: `${at}/revoke-cert`,
    keyChange: `${at}/key-change`,
    renewalInfo: `${at}/renewal-info`,
    issuer: `${at}/issuer`,
    account: (id) => `${at}/account/${id}`,
    orders: (account) => `${at}/account/${account}/orders`,
    order: (id) => `${at}/order/${id}`,
    finalize: (order) => `${at}/order/${order}/finalize`,
    authorization: (id) => `${at}/authz/${id}`,
    challenge: (authorization, type) => `${at}/challenge/${authorization}/${type}`,
    certificate: (serial) => `${at}/certificate/${serial}`,
  };
  if (known.size >= KNOWN_MOST) known.clear();
  known.set(at, urls);
  return urls;
}
