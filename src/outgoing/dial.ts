import { connect, type Socket } from 'node:net';
import { parseIpAddress } from '../x509/ip-address.ts';
import type { AddressGuard } from './address-guard.ts';
import { CallFailed } from './call-failed.ts';
import { inTime, TimeUp } from './deadline.ts';
import type { Resolver } from './resolver.ts';

/** The part of a resolver that connecting requires. */
export type AddressLookup = Pick<Resolver, 'addresses'>;

/** Upper bound of addresses tried in sequence, and the time for each, milliseconds. */
const MOST_ADDRESSES = 4;
const CONNECT = 3_000;

/** Opens a connection to a host (name or address) and port. Throws CallFailed, and the reason of `signal` if that fires. */
export type Dial = (host: string, port: number, signal: AbortSignal) => Promise<Socket>;

/**
 * The only place that opens connections to addresses chosen by others. A name is resolved once, the resulting addresses are checked, and the connection
 * goes to one of exactly these: no second lookup could yield a different one. Proxies are not used.
 */
export const makeDial = (resolver: AddressLookup, guard: AddressGuard): Dial => async (host, port, signal) => {
  const addresses = parseIpAddress(host) === undefined ? await lookUp(resolver, host, signal) : [host];
  const refused = addresses.map((address) => ({ address, why: guard(address) }));
  const callable = alternate(refused.filter(({ why }) => why === undefined).map(({ address }) => address)).slice(0, MOST_ADDRESSES);
  if (callable.length === 0) {
    const [{ address, why } = { address: host, why: 'refused' }] = refused;
    throw new CallFailed('connection', `${nameAddress(host, address)} is not called: it is ${why}`);
  }
  const failures: CallFailed[] = [];
  for (const address of callable) {
    try {
      return await open(host, address, port, signal);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      failures.push(error);
    }
  }
  throw new CallFailed('connection', failures.map(({ message }) => message).join('; '), { cause: failures[0], again: true });
};

async function lookUp(resolver: AddressLookup, name: string, signal: AbortSignal): Promise<readonly string[]> {
  const addresses = await resolver.addresses(name, signal);
  if (addresses.length === 0) throw new CallFailed('dns', `${name} has no address: no A and no AAAA record`, { again: true });
  return addresses;
}

/** Alternates between address families, IPv6 first (RFC 8305 4), so that a broken one costs one attempt at a time. */
function alternate(addresses: readonly string[]): string[] {
  const v6 = addresses.filter((address) => address.includes(':'));
  const v4 = addresses.filter((address) => !address.includes(':'));
  return Array.from({ length: Math.max(v6.length, v4.length) }, (_, i) => [v6[i], v4[i]]).flat().filter((address) => address !== undefined);
}

const nameAddress = (host: string, address: string): string => host === address ? address : `${address}, address of ${host},`;

async function open(host: string, address: string, port: number, signal: AbortSignal): Promise<Socket> {
  // The host is an address, so nothing is resolved here.
  const socket = connect({ host: address, port });
  // The caller may be done before the peer is; errors after that are irrelevant.
  socket.on('error', () => undefined);
  try {
    await inTime(CONNECT, signal, new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject)));
    return socket.setNoDelay(true);
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    const why = error instanceof TimeUp ? 'no answer in time' : REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? 'it failed';
    throw new CallFailed('connection', `connecting to ${host === address ? '' : `${host} at `}${address} port ${port}: ${why}`, { cause: error, again: true });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer in time',
};
