import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ConfigError } from '../../src/config/faults.ts';
import type { PeerCertificate } from '../../src/docker/peer-certificate.ts';
import { loadRules } from '../../src/docker/rules/load-rules.ts';
import type { Rules } from '../../src/docker/rules/rules.ts';
import { textToName } from '../../src/x509/general-name.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const file = join(temporaryFolder('rules'), 'rules.yaml');

function rules(yaml: string): Rules {
  writeFileSync(file, yaml);
  return loadRules(file);
}

function faults(yaml: string): string[] {
  try {
    rules(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ line, path, problem, expected }) => `${line} ${path} ${problem}; ${expected}`);
    throw error;
  }
  return [];
}

interface Who {
  readonly cn?: string;
  readonly ou?: readonly string[];
  readonly o?: string;
  readonly names?: readonly string[];
  readonly authority?: string;
}

const allowed = (decide: Rules, { cn, ou = [], o, names = [], authority = 'issuing' }: Who, call: string): boolean | string => {
  const [method = '', uri = ''] = call.split(' ');
  const peer = { commonNames: cn === undefined ? [] : [cn], organizationalUnits: ou, organizations: o === undefined ? [] : [o], names: names.map(textToName) } as unknown as PeerCertificate;
  const decision = decide({ peer, authority }, method, uri);
  return decision.allowed ? true : decision.reason;
};

const EXAMPLE = `
rules:
  - name: operators
    clients:
      - organizationalUnit: [docker-admins]
    allow: [all]
  - name: monitoring
    clients:
      - commonName: ['monitor-*']
      - name: ['*.monitoring.example.com', 10.9.0.0/16]
    allow: [read, logs]
  - name: pipelines
    clients:
      - name: ['spiffe://example.com/ci/**']
        authority: [issuing]
    allow: [all, {methods: [GET], path: '/new/*/thing'}]
    deny: [exec, swarm, {methods: [POST, DELETE], path: '/volumes/**'}]
  - name: pullers
    clients:
      - organization: [Example]
    allow: [images, {methods: [GET], path: '/containers/*/logs'}]
`;

t.test('the first rule that is for a client decides, and whom none is for may do nothing', async (t) => {
  const decide = rules(EXAMPLE);
  const admin = { cn: 'monitor-1', ou: ['docker-admins'] };
  for (const call of ['POST /v1.41/containers/x/exec', 'GET /whatever', 'GET http://x/y', 'BREW /coffee']) t.equal(allowed(decide, admin, call), true, call);
  const monitor = { cn: 'monitor-1' };
  for (const call of ['HEAD /_ping', 'GET /v1.41/version', 'GET /v1.41/containers/json?all=1', 'GET /containers/x/logs']) t.equal(allowed(decide, monitor, call), true, call);
  t.equal(allowed(decide, monitor, 'POST /v1.41/containers/x/exec'), 'rule monitoring: exec is not allowed');
  t.equal(allowed(decide, monitor, 'GET /containers/x/attach/ws'), 'rule monitoring: exec is not allowed');
  t.equal(allowed(decide, monitor, 'GET /v1.41/swarm'), 'rule monitoring: swarm is not allowed');
  t.equal(allowed(decide, monitor, 'GET /v1.41/new'), 'rule monitoring: the call is not known');
  t.equal(allowed(decide, { names: ['a.monitoring.example.com'] }, 'GET /info'), true);
  t.equal(allowed(decide, { names: ['10.9.3.4'] }, 'GET /info'), true);
  for (const who of [{}, { cn: 'xmonitor-1' }, { cn: 'monitor-/x' }, { names: ['monitoring.example.com'] }, { names: ['10.8.0.1'] }, { ou: ['docker-admins2'] }, { ou: ['DOCKER-ADMINS'] }]) {
    t.equal(allowed(decide, who, 'HEAD /_ping'), 'no rule is for this certificate', JSON.stringify(who));
  }
});

t.test('what is denied stays denied by whatever way it is written, and what is not understood too', async (t) => {
  const decide = rules(EXAMPLE);
  const ci = { names: ['spiffe://example.com/ci/build'] };
  for (const call of ['GET /v1.41/containers/json', 'POST /v1.41/build?t=x', 'POST /containers/create', 'GET /new/a/thing']) t.equal(allowed(decide, ci, call), true, call);
  for (const call of ['POST /v1.41/containers/x/exec', 'POST /v1.41/containers/x/%65xec', 'POST /v1.41%2Fcontainers%2Fx%2Fexec', 'POST /containers/x/exec?a=/../b', 'POST /v1.9999/exec/x/start', 'GET /v1.41/swarm/unlockkey']) {
    t.match(allowed(decide, ci, call), /^rule pipelines: (exec|swarm) is denied$/, call);
  }
  for (const call of ['POST /v1.41//containers/x/exec', 'POST /v1.41/images/../containers/x/exec', 'POST http://docker/containers/x/exec', 'POST /containers/x/exec/']) {
    t.equal(allowed(decide, ci, call), 'rule pipelines: the path cannot be understood', call);
  }
  for (const call of ['POST /containers/a/b/exec', 'post /containers/x/exec', 'GET /new/a/b/thing', 'POST /new/a/thing']) t.equal(allowed(decide, ci, call), 'rule pipelines: the call is not known', call);
  t.equal(allowed(decide, ci, 'POST /v1.41/volumes/create'), 'rule pipelines: this is denied');
  t.equal(allowed(decide, ci, 'GET /v1.41/volumes/x'), true);
  t.equal(allowed(decide, { ...ci, authority: 'other' }, 'GET /info'), 'no rule is for this certificate');
  const puller = { o: 'Example' };
  t.equal(allowed(decide, puller, 'POST /images/create?fromImage=x'), true);
  t.equal(allowed(decide, puller, 'GET /containers/x/logs'), true);
  t.equal(allowed(decide, puller, 'GET /containers/x/y/logs'), 'rule pullers: the call is not known');
  t.equal(allowed(decide, puller, 'GET /containers/json'), 'rule pullers: read is not allowed');
});

t.test('a rule without clients is for everybody', async (t) => {
  const decide = rules('rules:\n  - name: all\n    allow: [read]\n');
  t.equal(allowed(decide, {}, 'GET /info'), true);
  t.equal(allowed(decide, {}, 'POST /containers/create'), 'rule all: create is not allowed');
});

t.test('every fault is told with its line', async (t) => {
  t.same(faults(`rules:
  - name: one
    clients:
      - commonname: [x]
      - {}
    allow: [reed]
  - allow: [{methods: [get], path: containers}]
    deny: []
  - name: two
    clients: [{name: ['a..b', '*.x/y']}]
    allow: all
nothing: 1
`).map((fault) => fault.replace(/; .*/, '')), [
    '4 rules[0].clients[0].commonname is unknown (did you mean commonName?)',
    '6 rules[0].allow[0] is "reed" (did you mean read?)',
    '7 rules[1].name is missing',
    '7 rules[1].allow[0].methods[0] is "get" (did you mean GET?)',
    '7 rules[1].allow[0].path is "containers"',
    '8 rules[1].deny is an empty list',
    '11 rules[2].allow is "all"',
    '12 nothing is unknown',
  ]);
  t.match(faults('rules:\n  - name: x\n    clients: [{}, {name: ["*.x/y"]}]\n    allow: [read]\n'), [/^3 rules\[0\]\.clients\[0\] names nothing; commonName/, /^3 rules\[0\]\.clients\[1\]\.name\[0\] "\*\.x\/y" is not a name pattern/]);
  t.match(faults(''), [/rules is missing/]);
  t.match(faults('rules: []'), [/1 rules is an empty list/]);
  t.match(faults('rules: [\n'), [/; YAML 1\.2/]);
  t.match(faults('rules:\n  - name: x\n    name: y\n    allow: [read]\n'), [/each name once/]);
});
