import { createHash, randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { parseNetwork } from '../../../src/outgoing/network.ts';
import { makeValidators } from '../../../src/acme/validators/make-validators.ts';
import type { ValidationSettings } from '../../../src/acme/validators/settings.ts';
import type { ValidationRequest, Validators } from '../../../src/acme/validators/validator.ts';

type Teardown = Pick<Test, 'teardown'>;

export const { signal: NEVER } = new AbortController();
export const NOW = Date.UTC(2030, 0, 1);
export const ACCOUNT = 'https://ca.example/acme/issuing/account/1';

/** Permits 127.0.0.1 alone, and nobody is asked about CAA unless the test says so. */
export const settings = (resolver: string, options: Partial<ValidationSettings> = {}): ValidationSettings => ({
  resolver, http01Port: 1, tlsAlpn01Port: 1, permitNetworks: [parseNetwork('127.0.0.1/32')!], timeout: 3, caa: { identities: ['ca.example'], applies: () => false }, ...options,
});

export const validators = (resolver: string, options: Partial<ValidationSettings> = {}): Validators => makeValidators(settings(resolver, options), () => NOW);

export function ask(type: ValidationRequest['type'], value: string, options: Partial<ValidationRequest> = {}): ValidationRequest {
  const token = randomBytes(32).toString('base64url');
  return {
    type, identifier: { type: /^[0-9.]+$|:/.test(value) ? 'ip' : 'dns', value }, wildcard: false, token, accountUri: ACCOUNT,
    keyAuthorization: `${token}.${createHash('sha256').update('key').digest('base64url')}`, ...options,
  };
}

export const digest = (request: ValidationRequest): Buffer => createHash('sha256').update(request.keyAuthorization).digest();

export const portOf = (server: Server | TcpServer): number => (server.address() as AddressInfo).port;

/** A web server that answers with what `listener` says. @returns its port */
export const serveHttp = (t: Teardown, listener: RequestListener, host = '127.0.0.1'): Promise<number> => listening(t, createServer(listener), host);

/** A server that speaks no protocol but what `speak` does with each connection. @returns its port */
export function serveTcp(t: Teardown, speak: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  return listening(t, createTcpServer((socket) => {
    socket.on('error', () => undefined);
    speak(socket);
  }), host);
}

export async function listening(t: Teardown, server: Server | TcpServer, host = '127.0.0.1', port = 0): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => open.add(socket.once('close', () => open.delete(socket))));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  t.teardown(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return portOf(server);
}
