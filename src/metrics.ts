import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { Pollers } from './pollers.ts';
import type { RequestState } from './issuance/request.ts';

/** The metrics of `/metrics` (docs/operations.md explains each). */
export interface Metrics {
  readonly registry: Registry;
  readonly request: (state: RequestState, profile: string) => void;
  /** Milliseconds. */
  readonly part: (part: 'check' | 'sign' | 'store', milliseconds: number) => void;
  /** `lag`: seconds since the oldest revocation first published in it. */
  readonly crlPublished: (authority: string, milliseconds: number, lag: number | undefined) => void;
  /** A client fetched one of an authority's CRLs. */
  readonly crlPolled: (authority: string, address: string) => void;
  readonly revoked: (reason: string) => void;
  /** A cfssl API call completed, was refused, or failed. */
  readonly cfsslCalled: (call: string, outcome: 'done' | 'refused' | 'failed') => void;
  /** The outcome of a node's attestation. */
  readonly attested: (kind: string, outcome: 'accepted' | 'refused' | 'unproved') => void;
  readonly replied: (status: number) => void;
  /** A webhook's answer: allow, deny, wait, or failed if there was none. */
  readonly webhookAnswered: (webhook: string, outcome: string, milliseconds: number) => void;
  /** A client's event stream was opened (1) or closed (-1). */
  readonly eventStream: (change: 1 | -1) => void;
  readonly eventStreamEnded: (why: string) => void;
  /** An event was sent to this many clients. */
  readonly eventsSent: (event: string, count: number) => void;
  /** The outcome of an OCSP request, and whether the response came from the cache. */
  readonly ocspAnswered: (outcome: string, kept: boolean) => void;
  /** The outcome of an issuer's token: accepted, or why it was refused. */
  readonly oidcToken: (issuer: string, outcome: string) => void;
  /** Whether an issuer's keys could be fetched. */
  readonly oidcKeys: (issuer: string, fetched: boolean) => void;
  /** Expiry of the certificate that signs an authority's OCSP responses, seconds since the epoch; undefined once none is needed. */
  readonly ocspResponder: (authority: string, notAfter: number | undefined) => void;
}

export interface CrlState {
  readonly authority: string;
  readonly document: string;
  readonly age: number;
  readonly number: number;
  readonly left: number;
  readonly entries: number;
}

/** Sources of gauges that are computed when the metrics are scraped. */
export interface MetricSources {
  /** `document`: full, delta, or shards; of the shards, the oldest counts. */
  readonly crl: () => Promise<readonly CrlState[]>;
  readonly authorities: () => readonly { readonly authority: string; readonly days: number }[];
}

const WEBHOOK_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LAG_BUCKETS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 60];
const PART_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** 429 and 503 signal a shortage and are counted apart from the rest of their class. */
const REPLY_CLASSES = ['2xx', '3xx', '4xx', '429', '5xx', '503'];

/** Uses a registry of its own, so that one process can run several services, as tests do. */
export function createMetrics(sources: MetricSources, clock: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({ name: 'chancery_requests_total', help: 'Requests by the state they reached at once, and profile', labelNames: ['state', 'profile'], registers });
  const parts = new Histogram({ name: 'chancery_issuance_seconds', help: 'Time of each part of the cycle: check, sign, store', labelNames: ['part'], buckets: PART_BUCKETS, registers });
  const published = new Histogram({ name: 'chancery_crl_publication_seconds', help: 'Time to build, sign and store a CRL', labelNames: ['authority'], buckets: PART_BUCKETS, registers });
  const revocations = new Counter({ name: 'chancery_revocations_total', help: 'Certificates revoked, by reason', labelNames: ['reason'], registers });
  const attestations = new Counter({
    name: 'chancery_attestations_total', help: 'Proofs of what a node is, by kind: accepted, refused (good, and nothing is allowed), unproved',
    labelNames: ['kind', 'outcome'], registers,
  });
  const cfssl = new Counter({
    name: 'chancery_cfssl_calls_total', help: 'Calls of the API of cfssl, those of Docker swarms among them, by how they ended: done, refused, failed',
    labelNames: ['call', 'outcome'], registers,
  });
  const ocsp = new Counter({ name: 'chancery_ocsp_answers_total', help: 'OCSP answers by what they say, and whether they were made before', labelNames: ['outcome', 'kept'], registers });
  const responders = new Gauge({
    name: 'chancery_ocsp_responder_end_seconds', help: 'When the certificate that signs OCSP answers expires, seconds since the epoch', labelNames: ['authority'],
    aggregator: 'min', registers,
  });
  const oidcTokens = new Counter({ name: 'chancery_oidc_tokens_total', help: 'Tokens of OpenID Connect issuers: accepted, or why they were refused', labelNames: ['issuer', 'outcome'], registers });
  const oidcKeys = new Counter({ name: 'chancery_oidc_key_fetches_total', help: 'Fetches of the keys of OpenID Connect issuers', labelNames: ['issuer', 'outcome'], registers });
  const ocspCounters = new Map<string, { inc: () => void }>();
  const streams = new Gauge({ name: 'chancery_event_streams', help: 'Clients that follow the revocations now', registers });
  const streamsEnded = new Counter({ name: 'chancery_event_streams_ended_total', help: 'Streams of events that ended, by reason: client, slow, stopped, failed', labelNames: ['why'], registers });
  const eventsSent = new Counter({ name: 'chancery_events_sent_total', help: 'Events sent, one for each client that got it', labelNames: ['event'], registers });
  const webhooks = new Histogram({
    name: 'chancery_webhook_seconds', help: 'Time of the calls to each webhook, by what it answered: allow, deny, wait, failed',
    labelNames: ['webhook', 'outcome'], buckets: WEBHOOK_BUCKETS, registers,
  });
  const replies = new Counter({ name: 'chancery_http_replies_total', help: 'Replies by class of status; 429 and 503 separately', labelNames: ['status'], registers });
  for (const status of REPLY_CLASSES) replies.inc({ status }, 0);
  const replyClasses = new Map(REPLY_CLASSES.map((status) => [status, replies.labels(status)]));
  const byAuthority = <T extends { readonly authority: string }>(name: string, help: string, source: () => Promise<readonly T[]> | readonly T[], value: (item: T) => number): void => {
    new Gauge({
      name, help, labelNames: ['authority'], registers,
      // All workers read the same value from the store, so a sum would be meaningless.
      aggregator: 'max',
      async collect() {
        for (const item of await source()) this.set({ authority: item.authority }, value(item));
      },
    });
  };
  const ofCrls = (name: string, help: string, value: (crl: CrlState) => number): void => {
    new Gauge({
      name, help, labelNames: ['authority', 'document'], registers, aggregator: 'max',
      async collect() {
        for (const crl of await sources.crl()) this.set({ authority: crl.authority, document: crl.document }, value(crl));
      },
    });
  };
  ofCrls('chancery_crl_age_seconds', 'Seconds since thisUpdate of the current CRL; of shards, of the oldest', ({ age }) => age);
  ofCrls('chancery_crl_left_seconds', 'Seconds until nextUpdate of the current CRL; of shards, of the first to end', ({ left }) => left);
  ofCrls('chancery_crl_number', 'Number of the current CRL; of shards, the highest', ({ number }) => number);
  ofCrls('chancery_crl_entries', 'Certificates that the CRL lists; of shards, that they list together', ({ entries }) => entries);
  const lags = new Histogram({
    name: 'chancery_crl_lag_seconds', help: 'From a revocation (whole seconds) to the CRL that lists it, of the oldest in each publication',
    labelNames: ['authority'], buckets: LAG_BUCKETS, registers,
  });
  const pollers = new Pollers(clock);
  const polled = new Set<string>();
  new Gauge({
    name: 'chancery_crl_pollers', help: 'Addresses that asked this process for a CRL within the last hour, about', labelNames: ['authority'], registers,
    collect() {
      for (const authority of polled) this.set({ authority }, pollers.count(authority));
    },
  });
  byAuthority('chancery_authority_days_left', 'Days until the authority\'s certificate expires', sources.authorities, ({ days }) => days);
  const observers = { check: parts.labels('check'), sign: parts.labels('sign'), store: parts.labels('store') };
  return {
    registry,
    request: (state, profile) => requests.inc({ state, profile }),
    part: (part, milliseconds) => observers[part].observe(milliseconds / 1000),
    crlPublished: (authority, milliseconds, lag) => {
      published.observe({ authority }, milliseconds / 1000);
      if (lag !== undefined) lags.observe({ authority }, Math.max(0, lag));
    },
    crlPolled: (authority, address) => {
      polled.add(authority);
      pollers.saw(authority, address);
    },
    webhookAnswered: (webhook, outcome, milliseconds) => webhooks.observe({ webhook, outcome }, milliseconds / 1000),
    revoked: (reason) => revocations.inc({ reason }),
    cfsslCalled: (call, outcome) => cfssl.inc({ call, outcome }),
    attested: (kind, outcome) => attestations.inc({ kind, outcome }),
    eventStream: (change) => streams.inc(change),
    eventStreamEnded: (why) => streamsEnded.inc({ why }),
    eventsSent: (event, count) => eventsSent.inc({ event }, count),
    oidcToken: (issuer, outcome) => oidcTokens.inc({ issuer, outcome }),
    oidcKeys: (issuer, fetched) => oidcKeys.inc({ issuer, outcome: fetched ? 'fetched' : 'failed' }),
    ocspResponder: (authority, notAfter) => (notAfter === undefined ? responders.remove({ authority }) : responders.set({ authority }, notAfter)),
    ocspAnswered: (outcome, kept) => {
      // Resolved once per label set: resolving it each time would cost as much as the response itself.
      const name = `${outcome}:${kept}`;
      let counter = ocspCounters.get(name);
      if (counter === undefined) ocspCounters.set(name, counter = ocsp.labels(outcome, String(kept)));
      counter.inc();
    },
    replied: (status) => (replyClasses.get(String(status)) ?? replyClasses.get(`${Math.floor(status / 100)}xx`))?.inc(),
  };
}
