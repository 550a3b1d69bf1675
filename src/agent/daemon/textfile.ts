import type { Status } from './kept-certificate.ts';

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly of: (status: Status) => number | undefined;
}

const seconds = (milliseconds: number | undefined): number | undefined => (milliseconds === undefined ? undefined : Math.floor(milliseconds / 1000));

const METRICS: readonly Metric[] = [
  { name: 'chancery_agent_certificate_not_after_seconds', type: 'gauge', help: 'When the certificate expires, seconds since the epoch', of: ({ notAfter }) => seconds(notAfter) },
  { name: 'chancery_agent_certificate_due_seconds', type: 'gauge', help: 'When the certificate will be renewed, seconds since the epoch', of: ({ due }) => seconds(due) },
  { name: 'chancery_agent_last_renewal_seconds', type: 'gauge', help: 'When the certificate was renewed last by this process, seconds since the epoch', of: ({ renewedAt }) => seconds(renewedAt) },
  { name: 'chancery_agent_renewal_failures_total', type: 'counter', help: 'Failed attempts to renew the certificate since the start', of: ({ failures }) => failures },
  { name: 'chancery_agent_renewal_failures_in_a_row', type: 'gauge', help: 'Failed attempts to renew the certificate since the last success', of: ({ failuresInARow }) => failuresInARow },
];

/** The status of all certificates in Prometheus text format 0.0.4, for the node exporter's textfile collector. */
export function textfileOf(all: readonly Status[], now: number): string {
  const lines = METRICS.flatMap(({ name, type, help, of }) => {
    const values = all.flatMap((status) => {
      const value = of(status);
      return value === undefined ? [] : [`${name}{certificate="${escaped(status.certificate)}",profile="${escaped(status.profile)}"} ${value}`];
    });
    return values.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values];
  });
  return [
    ...lines,
    '# HELP chancery_agent_last_look_seconds When the agent last checked its certificates, seconds since the epoch', '# TYPE chancery_agent_last_look_seconds gauge', `chancery_agent_last_look_seconds ${seconds(now)}`, '',
  ].join('\n');
}

const escaped = (text: string): string => text.replaceAll(/["\\\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
