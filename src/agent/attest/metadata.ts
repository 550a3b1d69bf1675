import { exchange } from '../../client/exchange.ts';
import { Failure } from '../../client/failure.ts';

/** The link-local address at which each cloud serves instance metadata; it is not routed beyond the host. */
const METADATA = new URL('http://169.254.169.254');
/** Timeout in milliseconds, and the largest reply in bytes. */
const LIMIT = 5_000;
const MOST = 64 * 1024;

export interface MetadataCall {
  readonly method?: 'GET' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Calls the metadata service at `base`. */
export type Metadata = (call: MetadataCall) => Promise<string>;

/** The body of the metadata service's reply. Throws Failure if there is none, or it refuses. */
export const metadataAt = (base: URL = METADATA): Metadata => async ({ method = 'GET', path, headers }) => {
  const url = new URL(path, base);
  try {
    const { status, body } = await exchange({ method, url, headers, agent: false, mostReply: MOST, whole: LIMIT });
    if (status === 200) return body.toString('utf8');
    throw new Failure('bad-reply', `the metadata service answered ${status} to ${url.pathname}`, { advice: 'is this a machine of that cloud, and may this program ask its metadata service?' });
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'bad-reply') throw error;
    throw new Failure(error.code, `the metadata service at ${url.host} does not answer`, {
      cause: error, advice: 'is this a machine of that cloud? A proof from elsewhere can be given with --attest-document',
    });
  }
};
