import { Agent } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { under } from '../../client/address.ts';
import { type Reply, exchange } from '../../client/exchange.ts';
import { Failure } from '../../client/failure.ts';
import type { Patient } from './check.ts';

const MOST_CRL = 128 * 1024 * 1024;

/** Makes one call on a connection of its own. `end` is when the presented certificate expires, in milliseconds since the Unix epoch. */
export async function ask({ url, roots }: Patient, path: string): Promise<{ readonly reply: Reply; readonly origin: string; readonly end: number }> {
  if (url instanceof Failure) throw url;
  if (roots instanceof Failure) throw roots;
  const agent = new Agent({ ca: roots });
  let end = Number.NaN;
  const onSocket = (socket: unknown): void => {
    end = Date.parse((socket as TLSSocket).getPeerCertificate().valid_to);
  };
  try {
    return { reply: await exchange({ method: 'GET', url: under(url, path), agent, mostReply: MOST_CRL, onSocket }), origin: url.origin, get end() { return end; } };
  } finally {
    agent.destroy();
  }
}
