import { Agent } from 'node:https';
import { under } from '../../client/address.ts';
import { exchange } from '../../client/exchange.ts';
import { Failure } from '../../client/failure.ts';
import type { Config } from '../../config/config.ts';
import type { Listener } from '../../config/forms.ts';
import { toFailure } from '../report-failure.ts';
import { type Check, type Finding, type Patient, ok, warn } from './check.ts';

const SCHEMES = ['https', 'http'] as const;
type Scheme = typeof SCHEMES[number];

/** Who uses each address. */
const NAMED: Readonly<Record<Scheme, (address: string) => string>> = {
  https: (address) => `links, printed commands and ACME name ${address}`,
  http: (address) => `every certificate names ${address} for its CRL, OCSP and issuer`,
};
const DEFAULT_PORT: Readonly<Record<Scheme, number>> = { https: 443, http: 80 };
const WILDCARDS = ['0.0.0.0', '::'];
/** Milliseconds that whatever answers at the address has to reply. */
const PROBE = 5000;

/** Whether clients that go to `publicUrl` reach the listeners: judged from the configuration or, if there must be a proxy, by calling the address. */
export const ADDRESS_CHECKS: readonly Check[] = SCHEMES.map((scheme) => ({ name: `${scheme} address`, needs: ['configuration'], look: (patient) => look(scheme, patient) }));

async function look(scheme: Scheme, { config, configFault, roots }: Patient): Promise<Finding> {
  if (config === undefined) throw configFault;
  const name = `publicUrl.${scheme}`;
  const listener = config.listen[scheme];
  const written = config.publicUrl[scheme];
  if (written === undefined) {
    if (listener === 'off') return ok('off');
    return WILDCARDS.includes(listener.host)
      ? warn(`listen.${scheme} accepts calls from other machines, but ${NAMED[scheme]('this machine\'s own loopback address')}`, `set ${name} (CHANCERY_PUBLIC_URL__${scheme.toUpperCase()}) to the address that others use`)
      : ok(`${scheme}://${shown(listener)}${isLoopback(listener.host) ? ', for this machine alone' : ''}`);
  }
  const apart = apartFrom(scheme, new URL(written), config);
  if (apart === undefined) return ok(written);
  const got = await getFrom(new URL(written), roots instanceof Failure ? undefined : roots);
  return got === 'this service' ? ok(`${written}, which leads here`) : warn(
    `clients that go to ${written} get: ${got}; ${apart}`,
    `${NAMED[scheme]('that address')}: set ${name} and listen.${scheme} (CHANCERY_LISTEN__${scheme.toUpperCase()}) so that they meet, or have a proxy pass it on`,
  );
}

/** Why a call to the address does not reach the listener directly; undefined if it does. */
function apartFrom(scheme: Scheme, url: URL, { listen, hostNames, httpsCertificate }: Config): string | undefined {
  const listener = listen[scheme];
  const name = `listen.${scheme}`;
  if (listener === 'off') return `${name} is off`;
  if (isLoopback(listener.host) && !isLoopback(url.hostname)) return `${name} is ${shown(listener)}, which only this machine reaches`;
  if (listener.port === 0) return `${name} uses any free port`;
  if (listener.port !== (url.port === '' ? DEFAULT_PORT[scheme] : Number(url.port))) return `${name} is ${shown(listener)}`;
  if (url.pathname !== '/') return `${name} serves nothing under ${url.pathname}`;
  const nameless = scheme === 'https' && httpsCertificate.cert === undefined && !hostNames.includes(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  return nameless ? `hostNames, for the service's certificate, lacks ${url.hostname}` : undefined;
}

/** What a client receives from the address, in words. */
async function getFrom(url: URL, roots: string | undefined): Promise<string> {
  const agent = url.protocol === 'https:' && roots !== undefined ? new Agent({ ca: roots }) : false;
  try {
    const { status, body } = await exchange({ method: 'GET', url: under(url, '/ca/roots.pem'), agent, whole: PROBE });
    if (status !== 200) return `status ${status}`;
    const here = blocks(roots ?? '');
    return here.length === 0 || blocks(body.toString('latin1')).some((root) => here.includes(root)) ? 'this service' : 'another authority';
  } catch (error) {
    return toFailure(error).message;
  } finally {
    if (agent !== false) agent.destroy();
  }
}

const blocks = (pem: string): readonly string[] => pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.map((block) => block.replaceAll(/\s/g, '')) ?? [];
const isLoopback = (host: string): boolean => /^(?:localhost|.+\.localhost|127\..+|\[?::1\]?)$/.test(host);
const shown = ({ host, port }: Listener): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
