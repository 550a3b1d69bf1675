import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { Test } from 'tap';
import { temporaryFolder } from '../helpers/folder.ts';
import { openssl } from '../helpers/openssl.ts';

/** What a webhook was asked. */
export interface Asked {
  readonly method: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly json: any;
  /** Common name of the certificate that the caller showed. */
  readonly caller: string | undefined;
}

export type Answering = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

export interface WebhookServer {
  readonly url: string;
  /** File of the CA of its certificate. */
  readonly ca: string;
  readonly client: { readonly cert: string; readonly key: string };
  readonly asked: Asked[];
  /** How the next calls are answered. */
  answer: Answering;
  readonly stop: () => Promise<void>;
}

export const json = (value: unknown): Answering => (_asked, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(typeof value === 'string' ? value : JSON.stringify(value));
};

/** Files of a CA, of a server's certificate by it, for this machine, and of a client's, each with its key. */
export function webhookFiles(): (name: 'ca.pem' | `${'server' | 'client'}.${'pem' | 'key'}`) => string {
  const folder = temporaryFolder('webhook');
  const at = (name: string): string => join(folder, name);
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...ec, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=webhook CA', '-days', '2');
  for (const [name, extra] of [['server', ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']], ['client', []]] as const) {
    openssl('req', '-x509', ...ec, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-subj', `/CN=${name}`, '-days', '2', '-CA', at('ca.pem'), '-CAkey', at('ca.key'), ...extra);
  }
  return at;
}

/** A program of somebody else's: a real HTTPS server, with a certificate of a CA of its own, that asks for one of its callers. */
export async function startWebhook(t: Test, { demand = false } = {}): Promise<WebhookServer> {
  const at = webhookFiles();
  const asked: Asked[] = [];
  const server = createServer({ key: readFileSync(at('server.key')), cert: readFileSync(at('server.pem')), ca: readFileSync(at('ca.pem')), requestCert: true, rejectUnauthorized: demand }, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const caller = (request.socket as TLSSocket).getPeerCertificate().subject as { CN?: string } | undefined;
      const one: Asked = { method: request.method, headers: request.headers, body, json: JSON.parse(body.toString()), caller: caller?.CN };
      asked.push(one);
      webhook.answer(one, response, request);
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let stopped = false;
  const webhook: WebhookServer = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/decide`,
    ca: at('ca.pem'), client: { cert: at('client.pem'), key: at('client.key') }, asked,
    answer: json({ decision: 'allow' }),
    stop: async () => {
      if (stopped) return;
      stopped = true;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  t.teardown(webhook.stop);
  return webhook;
}
