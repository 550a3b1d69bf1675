import type { Tell } from '../agent/tell.ts';
import type { Context } from './context.ts';
import { painter, printable } from './text.ts';

const STREAMS = { info: 'stdout', warn: 'stderr', error: 'stderr' } as const;

/** Prints one line for each event; with `json`, one object on standard output. */
export function teller(context: Context, json: boolean): Tell {
  return (level, event, message, facts = {}) => {
    const time = new Date(context.now()).toISOString();
    if (json) {
      context.stdout.write(`${JSON.stringify({ time, level, event, message, ...facts })}\n`);
      return;
    }
    const stream = STREAMS[level];
    const paint = painter(context, stream);
    context[stream].write(`${paint('dim', time)} ${level === 'info' ? '' : `${paint(level === 'warn' ? 'yellow' : 'red', level)} `}${printable(message)}\n`);
  };
}
