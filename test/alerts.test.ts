import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { textfileOf } from '../src/agent/daemon/textfile.ts';
import { createMetrics } from '../src/metrics.ts';
import { repositoryFile } from './repository.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly page: string };
}

const FILE = repositoryFile('deploy/prometheus-alerts.yml');
const rules = (parse(readFileSync(FILE, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

/** The metrics of service and agent, with their labels. */
const known = await (async (): Promise<ReadonlyMap<string, readonly string[]>> => {
  const { registry } = createMetrics({ crl: async () => [], authorities: () => [] }, Date.now);
  const ofService = registry.getMetricsAsArray().map((metric): [string, string[]] => [metric.name, (metric as unknown as { labelNames: string[] }).labelNames]);
  const status = { folder: '', certificate: '', profile: '', serial: '', notAfter: 1, due: 1, renewedAt: 1, failures: 0, failuresInARow: 0 };
  const ofAgent = Array.from(textfileOf([status as never], 1).matchAll(/^# TYPE (\S+)/gm), ([, name = '']): [string, string[]] => [name, ['certificate', 'profile']]);
  return new Map([...ofService, ...ofAgent]);
})();

const METRIC = /\b((?:chancery|process|nodejs)_[a-z0-9_]+?)(?:_bucket|_sum|_count)?(?:\{([^}]*)\})?(?=[\s[)]|$)/g;

t.test('every metric that an alert asks for is there, with the labels that it asks for', async (t) => {
  t.ok(rules.length > 20);
  for (const { alert, expr } of rules.filter(({ alert: name }) => name !== 'ChanceryDown')) {
    const asked = [...expr.matchAll(METRIC)];
    t.ok(asked.length > 0, alert);
    for (const [, name = '', labels = ''] of asked) {
      t.ok(known.has(name), `${alert}: ${name}`);
      // Prometheus adds job and instance.
      for (const [, label = ''] of labels.matchAll(/(\w+)=/g)) t.ok(['job', 'instance', ...known.get(name) ?? []].includes(label), `${alert}: ${label} of ${name}`);
    }
    const used = new Set([...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(', ')));
    for (const label of used) t.ok(['instance', 'le', ...asked.flatMap(([, name = '']) => known.get(name) ?? [])].includes(label), `${alert}: by ${label}`);
  }
});

t.test('every alert says what is wrong, how urgent it is, and which page tells what to do', async (t) => {
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  for (const { alert, labels, annotations: { summary, page } } of rules) {
    t.ok(['page', 'warn'].includes(labels.severity), alert);
    t.ok(summary.length > 20, alert);
    const [path = '', anchor] = page.split('#');
    t.ok(existsSync(repositoryFile(path)), `${alert}: ${page}`);
    const headings = readFileSync(repositoryFile(path), 'utf8').match(/^#+ .*$/gm) ?? [];
    if (anchor !== undefined) t.ok(headings.some((heading) => heading.toLowerCase().replace(/^#+ /, '').replace(/[^a-z0-9 -]/g, '').replaceAll(' ', '-') === anchor), `${alert}: ${page}`);
  }
});

t.test('every metric of ours has its row in the guides', async (t) => {
  const guides = ['docs/operations.md', 'docs/agent.md'].map((file) => readFileSync(repositoryFile(file), 'utf8')).join('');
  for (const name of known.keys()) if (name.startsWith('chancery_')) t.match(guides, new RegExp(`^\\| (?:.*, )?\`${name}\``, 'm'), name);
});

const promtool = (() => {
  try {
    return execFileSync('promtool', ['--version']) && false;
  } catch {
    return 'promtool is not on the PATH (apt-get install prometheus)';
  }
})();

t.test('Prometheus takes them', { skip: promtool }, async (t) => {
  t.match(execFileSync('promtool', ['check', 'rules', FILE], { encoding: 'utf8' }), `${rules.length} rules found`);
});
