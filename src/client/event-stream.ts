import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { connectionFailure } from './connection-failure.ts';
import { Failure } from './failure.ts';

/** One event of a stream of server-sent events (WHATWG HTML 9.2). */
export interface ServerEvent {
  /** `message` where the service sends no event name. */
  readonly event: string;
  readonly data: string;
  /** The last event id received, with this event or an earlier one. */
  readonly id: string;
}

export interface StreamOptions {
  readonly url: URL;
  readonly agent?: Agent;
  /** Resumes after this id. */
  readonly lastEventId: string;
  readonly signal: AbortSignal;
  /** The service has accepted the call, and events follow. */
  readonly onOpen: () => void;
  readonly onEvent: (event: ServerEvent) => void;
  /** An id that came without an event, so that a caller who has seen no event yet can resume after it. */
  readonly onId: (id: string) => void;
}

/** The longest event accepted, in characters. */
const MOST_EVENT = 65_536;
/** Milliseconds of silence after which the stream is considered dead: the service sends a comment every 15 s. */
const IDLE = 50_000;
const CONNECT = 15_000;

/** Reads events until the stream ends. Resolves when the service or the signal ended it; throws Failure for everything else. */
export const followEvents = ({ url, agent, lastEventId, signal, onOpen, onEvent, onId }: StreamOptions): Promise<void> => new Promise((resolve, reject) => {
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
  const call = send(url, {
    headers: { accept: 'text/event-stream', 'cache-control': 'no-cache', ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }) },
    timeout: CONNECT,
    signal,
    ...(agent === undefined ? {} : { agent }),
  });
  const fail = (error: Error): void => {
    if (signal.aborted) resolve();
    else reject(error instanceof Failure ? error : connectionFailure(url, error));
  };
  call.on('timeout', () => call.destroy(new Failure('timeout', `nothing came from ${url.origin} for too long`)));
  call.on('error', fail);
  call.on('response', (response: IncomingMessage) => {
    if (response.statusCode !== 200 || !/^text\/event-stream\b/.test(response.headers['content-type'] ?? '')) {
      call.destroy(new Failure('bad-reply', `${url.origin} answered ${response.statusCode} to ${url.pathname}, which is not a stream of events`));
      return;
    }
    response.socket.setTimeout(IDLE);
    onOpen();
    const decoder = new StringDecoder('utf8');
    const parse = eventParser(lastEventId, onEvent, onId);
    response.on('data', (part: Buffer) => {
      try {
        parse(decoder.write(part));
      } catch (error) {
        call.destroy(error as Error);
      }
    });
    response.on('error', fail);
    response.on('close', () => (response.complete || signal.aborted ? resolve() : fail(new Failure('unreachable', `${url.origin} closed the stream of events`))));
  });
  call.end();
});

/** Takes the stream's text in arbitrary pieces, and reports each event once it is complete. Throws Failure `bad-reply` for one that is too long. */
export function eventParser(first: string, onEvent: (event: ServerEvent) => void, onId: (id: string) => void): (text: string) => void {
  let rest = '';
  let size = 0;
  let id = first;
  let event = '';
  let data: string[] = [];
  const line = (text: string): void => {
    if (text === '') {
      onId(id);
      if (data.length > 0) onEvent({ event: event === '' ? 'message' : event, data: data.join('\n'), id });
      [event, data, size] = ['', [], 0];
      return;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(text) ?? [];
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
  };
  return (text) => {
    rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?=.)/s.exec(rest);
      if (end === null) break;
      size += end.index;
      const whole = rest.slice(0, end.index);
      rest = rest.slice(end.index + end[0].length);
      if (!whole.startsWith(':')) line(whole);
      else size = 0;
      if (size > MOST_EVENT) break;
    }
    if (size + rest.length > MOST_EVENT) throw new Failure('bad-reply', `an event is longer than ${MOST_EVENT} characters`);
  };
}
