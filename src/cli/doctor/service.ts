import { Agent } from 'node:https';
import { under } from '../../client/address.ts';
import { followEvents } from '../../client/event-stream.ts';
import { Failure } from '../../client/failure.ts';
import { showSpan } from '../text.ts';
import { ask } from './ask.ts';
import { type Check, type Finding, type Patient, fail, ok, warn } from './check.ts';
import { crls } from './crls.ts';

const HOUR = 3_600_000;
/** Milliseconds. The Date header has a resolution of one second; with clocks further apart, certificates are not yet valid for one of the two. */
const NEAR = 5000;
const FAR = 60_000;
/** Milliseconds until a follower of revocations receives its first event. */
const FIRST_EVENT = 5000;

const NEEDS_SERVICE: readonly Check[] = [
  { name: 'ready', look: ready },
  { name: 'https certificate', look: certificate },
  { name: 'CRL', look: crls },
  { name: 'events', look: events },
  { name: 'clock', look: clock },
];

/** Checks of the running service. Its address may come from the configuration, and the roots to trust from the data folder. */
export const serviceChecks = ({ url, roots }: Patient): readonly Check[] => [
  { name: 'service', needs: [...(url instanceof Failure ? ['configuration'] : []), ...(roots instanceof Failure ? ['data folder'] : [])], look: reachable },
  ...NEEDS_SERVICE.map((check) => ({ ...check, needs: ['service'] })),
];

async function reachable(patient: Patient): Promise<Finding> {
  const { reply, origin } = await ask(patient, '/healthz');
  return reply.status === 200 ? ok(origin) : fail(`${origin} answers ${reply.status}`, 'look at its log');
}

async function ready(patient: Patient): Promise<Finding> {
  const { reply } = await ask(patient, '/readyz');
  const { checks = [] } = JSON.parse(reply.body.toString('utf8')) as { checks?: readonly { name: string; ok: boolean; detail?: string }[] };
  if (reply.status === 200) {
    const notes = checks.flatMap(({ detail = [] }) => detail);
    return notes.length === 0 ? ok('listeners, store, key and CRL') : warn(notes.join('; '), 'nothing fails yet: fix this before something does');
  }
  const words = reasons(checks.filter((check) => !check.ok));
  return fail(words === '' ? `answers ${reply.status}` : words, 'look at the service\'s log');
}

/** Each cause once, after everything that it affects. */
function reasons(failed: readonly { readonly name: string; readonly detail?: string }[]): string {
  const names = new Map<string, string[]>();
  for (const { name, detail = 'fails' } of failed) names.set(detail, [...names.get(detail) ?? [], name]);
  return [...names].map(([detail, behind]) => `${behind.join(', ')}: ${detail}`).join('; ');
}

async function certificate(patient: Patient): Promise<Finding> {
  const { end } = await ask(patient, '/healthz');
  const left = end - patient.context.now();
  return left > HOUR ? ok(`trusted, valid for ${showSpan(left / 1000)}`) : warn(`expires in ${showSpan(left / 1000)}`, 'the service should have renewed it: look at its log');
}

/** A follower is told its position at once; a proxy that buffers the reply withholds it. */
async function events({ url, roots }: Patient): Promise<Finding> {
  if (url instanceof Failure) throw url;
  if (roots instanceof Failure) throw roots;
  const agent = new Agent({ ca: roots });
  const stop = new AbortController();
  let heard = false;
  const late = setTimeout(() => stop.abort(), FIRST_EVENT);
  const told = (): void => {
    heard = true;
    stop.abort();
  };
  try {
    await followEvents({ url: under(url, '/v1/revocations/events'), agent, lastEventId: '', signal: stop.signal, onOpen: () => {}, onEvent: told, onId: told });
  } catch (error) {
    return warn(`revocations cannot be followed: ${error instanceof Error ? error.message : 'failed'}`, 'look at limits.eventStreams, and at the proxy in front if there is one');
  } finally {
    clearTimeout(late);
    agent.destroy();
  }
  return heard ? ok('revocations can be followed') : warn(`no event came within ${FIRST_EVENT / 1000} s`, 'a proxy in front must not buffer the response (nginx: proxy_buffering off)');
}

async function clock(patient: Patient): Promise<Finding> {
  const before = patient.context.now();
  const { reply } = await ask(patient, '/healthz');
  const there = Date.parse(reply.headers.date ?? '');
  if (Number.isNaN(there)) return warn('the service sends no time', 'compare the clocks by hand');
  const apart = Math.abs(there + 500 - (before + patient.context.now()) / 2);
  if (apart < NEAR) return ok('agrees with the service\'s');
  const words = `${showSpan(apart / 1000)} apart from the service's`;
  return apart < FAR ? warn(words, 'synchronize both with NTP') : fail(words, 'synchronize both with NTP');
}
