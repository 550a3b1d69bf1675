import { parentPort, workerData } from 'node:worker_threads';
import type { Message, WatchSettings } from './news.ts';
import { watchCrls } from './watch-crls.ts';

// The thread in which CRLs are fetched, verified and indexed: a CRL of a million entries takes seconds, during which no call could be decided.
const send = (message: Message): void => parentPort?.postMessage(message);
const stop = new AbortController();
// The only message it receives is the request to stop.
parentPort?.once('message', () => stop.abort());

await watchCrls(workerData as WatchSettings, {
  now: Date.now,
  random: Math.random,
  tell: (level, event, message, facts) => send({ line: { level, event, message, facts } }),
  learn: (news) => send({ news }),
}, stop.signal);
parentPort?.close();
