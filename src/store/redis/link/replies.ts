import type { Reply } from './link.ts';

const MOST_TEXT = 300;

/** An error reply of Redis: its code and text, without the command's arguments, which may be secret. */
export class ErrorReply {
  /** The first word: `READONLY`, `OOM`, `ERR`. */
  readonly code: string;
  readonly text: string;

  constructor(message: string) {
    // "ERR unknown command 'X', with args beginning with: …" reveals arguments.
    this.text = message.replace(/,? with args beginning with.*$/s, '').slice(0, MOST_TEXT);
    this.code = /^[A-Z]+/.exec(message)?.[0] ?? 'ERR';
  }
}

/** The interpretation of an error reply by its code. Any other is reported in Redis' own words, and the connection is kept. */
interface Meaning {
  /** What it means here. */
  readonly means: string;
  /** True if this is not, or no longer, the right server: the primary is located and checked again. */
  readonly elsewhere: boolean;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  LOADING: { means: 'it is loading its files', elsewhere: true },
  READONLY: { means: 'it is a replica', elsewhere: true },
  MASTERDOWN: { means: 'it is a replica that has lost its primary', elsewhere: true },
  UNBLOCKED: { means: 'it is no longer the primary', elsewhere: true },
  MOVED: { means: 'another node of the Cluster holds the keys', elsewhere: true },
  ASK: { means: 'the slot of the keys is being moved to another node of the Cluster', elsewhere: true },
  CLUSTERDOWN: { means: 'the Cluster is down', elsewhere: true },
  NOAUTH: { means: 'it requires a password', elsewhere: true },
  TRYAGAIN: { means: 'the slot of the keys is being moved to another node of the Cluster', elsewhere: false },
  BUSY: { means: 'a script or function is holding it up', elsewhere: false },
  OOM: { means: 'its memory is full (maxmemory)', elsewhere: false },
  MISCONF: { means: 'it cannot write to its disk', elsewhere: false },
  NOREPLICAS: { means: 'it has too few replicas (min-replicas-to-write)', elsewhere: false },
};

export const isElsewhere = ({ code }: ErrorReply): boolean => MEANINGS[code]?.elsewhere ?? false;

/** The reply in words for people, including Redis' own. */
export const meaningOf = ({ code, text }: ErrorReply): string => (MEANINGS[code] === undefined ? `it answered ${text}` : `${MEANINGS[code].means} (${text})`);

/** A reply as text, or undefined. */
export const textOf = (reply: Reply | ErrorReply | undefined): string | undefined => (Buffer.isBuffer(reply) ? reply.toString() : undefined);

/** A reply as a list; empty for anything else. */
export const listOf = (reply: Reply | ErrorReply | undefined): readonly Reply[] => (Array.isArray(reply) ? (reply as readonly Reply[]) : []);
