import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Tell } from '../agent/tell.ts';
import type { Decide, Decision } from './decide.ts';
import { MalformedRequest, readAuthzRequest } from './plugin-request.ts';

/** In bytes. The Engine sends bodies of at most one MiB, twice (call and reply), in base64. */
const MOST_BODY = 8 * 1024 * 1024;
const MOST_CONNECTIONS = 4096;
/** Milliseconds for a whole call; the Engine writes it at once. */
const WHOLE = 10_000;
/** The media type of Docker's plugin protocol. */
const TYPE = 'application/vnd.docker.plugins.v1.2+json';

/** The answer to the Engine's activation call. */
const MANIFEST = JSON.stringify({ Implements: ['authz'] });
const ALLOWED = JSON.stringify({ Allow: true });

const QUESTIONS: readonly string[] = ['/AuthZPlugin.AuthZReq', '/AuthZPlugin.AuthZRes'];

export interface PluginOptions {
  readonly decide: Decide;
  readonly tell: Tell;
}

/**
 * The plugin's HTTP server (Docker Plugin API, access authorization). Every request gets an answer, and one that cannot be understood is
 * denied. The reply of a call is judged like the call: a client revoked in the meantime does not receive it.
 */
export function pluginServer(options: PluginOptions): Server {
  // Connections are kept open: the Engine reuses them, and treats one closed during a call as a failed plugin.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: WHOLE, headersTimeout: WHOLE, maxHeaderSize: 16 * 1024 }, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.tell('error', 'internal', `a call of the Engine could not be decided: ${error instanceof Error ? error.message : String(error)}`);
      if (response.headersSent) response.destroy();
      else send(response, refusal('the plugin failed'));
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

async function answer({ decide, tell }: PluginOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '', method } = request;
  const body = await bodyOf(request);
  if (method !== 'POST') return send(response, JSON.stringify({ Err: 'expected POST' }), 405);
  if (url === '/Plugin.Activate') return send(response, MANIFEST);
  if (!QUESTIONS.includes(url)) return send(response, JSON.stringify({ Err: 'this plugin is for authorization' }), 404);
  const decision = body === undefined ? malformed('the question is too long') : decided(decide, body);
  if (decision.allowed) return send(response, ALLOWED);
  const { code, message, who, call } = decision;
  // The reply of a call that was allowed: it is only denied if something has changed since.
  tell('warn', 'denied', `${who}: ${call}: ${message}`, { code, who, call, reply: url === QUESTIONS[1] ? 1 : 0 });
  send(response, refusal(decision.message));
}

function decided(decide: Decide, body: Uint8Array): Decision {
  try {
    return decide(readAuthzRequest(body));
  } catch (error) {
    if (error instanceof MalformedRequest) return malformed(error.message);
    throw error;
  }
}

const malformed = (message: string): Decision & { readonly allowed: false } => ({ allowed: false, code: 'request-malformed', message, who: 'the Engine', call: '-' });

const refusal = (message: string): string => JSON.stringify({ Allow: false, Msg: message });

function send(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { 'content-type': TYPE, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** Undefined if the body is too long; it is then read to its end and discarded. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= MOST_BODY) parts.push(part);
    else parts.length = 0;
  }
  return size > MOST_BODY ? undefined : parts.length === 1 ? parts[0] : Buffer.concat(parts);
}
