import { exchange } from '../../client/exchange.ts';
import { parseCrl } from '../../x509/crl.ts';
import { showSpan } from '../text.ts';
import { ask } from './ask.ts';
import { type Finding, type Patient, fail, ok, skipped, warn } from './check.ts';

const LOOK = 'look at the service\'s log';
/** Average seconds from a revocation to the CRL that lists it, above which publication is slow. */
const LATE = 3;

interface Authority {
  readonly name: string;
  readonly state: string;
  readonly notAfter: string;
}

/** The published CRLs: age, number of entries, and expiry; and what the metrics report about publication and clients. */
export async function crls(patient: Patient): Promise<Finding> {
  const { reply } = await ask(patient, '/v1/authorities');
  if (reply.status === 503) return skipped('ready');
  if (reply.status !== 200) return fail(`/v1/authorities answers ${reply.status}`, LOOK);
  const { items } = JSON.parse(reply.body.toString('utf8')) as { items: readonly Authority[] };
  const found = await Promise.all([...items].sort((one, other) => rank(one) - rank(other)).map((authority) => served(patient, authority)));
  const seen = found.filter((finding) => finding !== undefined);
  if (seen.length === 0) return fail('none is served', 'publish one with \'chancery crl publish\'');
  const published = await publication(patient);
  const detail = [...seen, ...(published === undefined ? [] : [published])].map((finding) => finding.detail).join('; ');
  const worst = seen.find(({ outcome }) => outcome === 'fail') ?? [...seen, published].find((finding) => finding?.outcome === 'warn');
  return worst === undefined ? ok(detail) : { ...worst, detail };
}

/** The issuing authority comes first. */
const rank = ({ state }: Authority): number => (state === 'issuing' ? 0 : 1);

/** Undefined if an authority's CRL is published elsewhere, or not published yet. */
async function served(patient: Patient, { name, state, notAfter }: Authority): Promise<Finding | undefined> {
  // Nobody needs its CRL once its last certificate has expired.
  if (state === 'former' && Date.parse(notAfter) <= patient.context.now()) return undefined;
  const { reply } = await ask(patient, `/crl/${encodeURIComponent(name)}.crl`);
  if (reply.status !== 200) return state === 'issuing' ? fail(`/crl/${name}.crl answers ${reply.status}`, 'publish one with \'chancery crl publish\'') : undefined;
  const { summary: { count }, thisUpdate, nextUpdate } = parseCrl(reply.body);
  const now = patient.context.now() / 1000;
  const left = nextUpdate - now;
  const what = `${name}: ${count === 1 ? '1 entry' : `${count} entries`}, ${showSpan(now - thisUpdate)} old`;
  if (left <= 0) return fail(`${what}, expired ${showSpan(-left)} ago: every client that checks it refuses every certificate`, `publish one with 'chancery crl publish --authority ${name}', and ${LOOK}`);
  const words = `${what}, valid for ${showSpan(left)}`;
  return left / (nextUpdate - thisUpdate) < 0.1 ? warn(words, `the CRL of ${name} should have been renewed: ${LOOK}`) : ok(words);
}

/** Undefined if the metrics cannot be reached from this machine, or there is nothing to report. */
async function publication({ config }: Patient): Promise<Finding | undefined> {
  const metrics = config?.listen.metrics ?? 'off';
  if (metrics === 'off' || metrics.port === 0) return undefined;
  const host = metrics.host.includes(':') ? `[${metrics.host}]` : metrics.host;
  const reply = await exchange({ method: 'GET', url: new URL(`http://${host}:${metrics.port}/metrics`), agent: false }).catch(() => undefined);
  if (reply?.status !== 200) return undefined;
  const sum = sumOf(reply.body.toString('utf8'));
  const times = sum('chancery_crl_lag_seconds_count');
  const pollers = sum('chancery_crl_pollers');
  const seen = `${pollers === 1 ? '1 address' : `${pollers} addresses`} asked within an hour`;
  if (times === 0) return ok(seen);
  const mean = sum('chancery_crl_lag_seconds_sum') / times;
  const words = `${mean.toFixed(1)} s from a revocation to the CRL; ${seen}`;
  return mean < LATE ? ok(words) : warn(words, `CRLs come late: many revocations, or a slow disk; ${LOOK}`);
}

/** @returns the sum of a metric over all its labels */
const sumOf = (text: string) => (name: string): number =>
  [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
