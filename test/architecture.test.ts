import t from 'tap';
import { type Import, importsOf, type SourceFile, sourceFiles } from './source-files.ts';

// The import rules of the house, as tables. A room is a folder below src/, or a file directly in it; a file belongs to
// the room with the longest name that fits.

/** What every room may import: the contracts between the rooms, and a few things that belong to none. */
const CONTRACTS = [
  'errors.ts', 'version.ts', 'digest.ts', 'breathe.ts', 'strict-json.ts', 'base64url.ts', 'iso-time.ts', 'is-there.ts', 'config/duration.ts', 'issuance/request.ts', 'store/store.ts', 'store/crl-store.ts', 'store/objects.ts', 'identity/identity.ts', 'audit/entry.ts', 'authority/authority.ts', 'authority/keys/signing-key.ts',
  'x509/revocation-reason.ts',
];

/** Room -> rooms (or a folder or file of one) that it may import beside itself and the contracts. What is not named may not be imported. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  // Pure: bytes and facts in, bytes and decisions out.
  x509: [],
  policy: ['x509'],
  // Contracts with their implementations.
  audit: ['x509', 'policy'],
  store: ['x509', 'policy', 'audit'],
  'store/embedded': ['x509', 'policy', 'audit', 'store'],
  'store/redis': ['x509', 'policy', 'audit', 'store'],
  identity: ['x509', 'policy', 'authority/durable-file.ts'],
  'identity/rules': ['x509', 'policy'],
  'identity/oidc': ['x509', 'policy', 'identity', 'identity/rules', 'outgoing'],
  // How nodes prove what they are.
  'identity/attestation': ['x509', 'policy', 'identity', 'identity/rules', 'identity/oidc', 'authority/errors.ts', 'authority/trust-path.ts', 'authority/ca-extensions.ts'],
  authority: ['x509', 'policy'],
  // Content on its way from one store to another.
  transfer: ['x509', 'audit', 'store'],
  // The core.
  issuance: ['x509', 'policy', 'identity', 'authority', 'audit'],
  revocation: ['x509', 'policy', 'identity', 'authority', 'audit', 'issuance/serial.ts'],
  renewal: ['x509', 'identity'],
  config: ['x509', 'policy', 'identity/rules', 'identity/oidc/algorithms.ts', 'identity/attestation/attributes.ts'],
  // Doors.
  http: ['x509', 'policy', 'identity', 'authority', 'issuance', 'revocation', 'config', 'http/rest', 'http/published'],
  'http/rest': ['x509', 'policy', 'identity', 'identity/attestation', 'authority', 'audit', 'issuance', 'revocation', 'renewal', 'config', 'http', 'eligibility'],
  'http/published': ['x509', 'policy', 'identity', 'authority', 'revocation', 'config', 'http'],
  // The only way out to addresses that strangers name, and what is asked there.
  outgoing: ['x509'],
  // Steps that ask or remember: what is not pure of the way to a certificate.
  eligibility: ['x509', 'policy', 'identity', 'issuance', 'outgoing', 'strict-json.ts'],
  'acme/validators': ['x509', 'outgoing'],
  acme: ['x509', 'policy', 'identity', 'issuance', 'revocation', 'renewal', 'config', 'http', 'http/rest', 'acme/validators/validator.ts'],
  cfssl: ['x509', 'policy', 'identity', 'authority', 'issuance', 'revocation', 'config', 'http'],
  // Its managers ask by a part of cfssl's API.
  swarm: ['x509', 'identity', 'issuance', 'config', 'http', 'http/rest', 'cfssl/asker.ts', 'cfssl/call-limit.ts', 'cfssl/sign-request.ts', 'cfssl/refusal.ts'],
  // The other end of the line: programs that talk to a service.
  client: ['x509'],
  agent: ['x509', 'client', 'identity/enrolment-token.ts', 'authority/keys', 'authority/durable-file.ts'],
  // An authorization plugin of a Docker Engine.
  docker: ['x509', 'policy', 'config', 'client', 'agent', 'authority/durable-file.ts', 'identity/rules'],
  cli: ['x509', 'config', 'client', 'agent', 'docker', 'audit', 'authority', 'transfer', 'initialise.ts', 'roll.ts', 'move.ts', 'oidc-issuers.ts', 'rebuild-indexes.ts', 'serve.ts'],
};

/** The files that put the parts together may import any room, but only open-store.ts names an implementation of the store. */
const IMPLEMENTATIONS: Readonly<Record<string, string>> = { 'store/embedded': 'open-store.ts', 'store/redis': 'open-store.ts' };

/** Package -> rooms and files that know it. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@fastify/swagger': ['http/rest'],
  '@fastify/swagger-ui': ['http/rest'],
  asn1js: ['authority'],
  commander: ['cli'],
  fastify: ['http', 'http/rest', 'http/published', 'acme', 'cfssl'],
  jose: ['identity/oidc'],
  ioredis: ['store/redis'],
  lmdb: ['store/embedded'],
  pino: ['log.ts', 'service.ts', 'serve.ts'],
  'prom-client': ['metrics.ts', 'serve.ts'],
  tldts: ['policy'],
  typebox: ['config', 'docker', 'http', 'http/rest', 'http/published', 'acme', 'swarm'],
  yaml: ['config'],
};

/** What pure rooms may use of Node, and of packages: computation, no input or output. */
const PURE_NODE: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createHash', 'createPublicKey', 'createVerify', 'verify', 'timingSafeEqual', 'KeyObject', 'SignKeyObjectInput', 'constants', 'checkPrimeSync', 'JsonWebKey', 'JsonWebKeyInput', 'PublicKeyInput', 'hash'],
  'node:net': ['isIP', 'isIPv4', 'isIPv6'],
  'node:url': ['domainToASCII', 'domainToUnicode'],
  // The Public Suffix List, loaded when it is first asked.
  'node:module': ['createRequire'],
  tldts: ['getPublicSuffix', 'parse'],
};
const PURE_ROOMS = ['x509', 'policy'];

/** Rooms that are told the time and given randomness, so that every test of them is exact. */
const CLOCKLESS_ROOMS = ['x509', 'policy', 'audit', 'identity', 'issuance', 'revocation'];
const OWN_CLOCK = /\bDate\.now\(\)|\bnew Date\(\)|\bMath\.random\b/;

const LINES_MOST = 300;
/** Written by `npm run schemas`, not by hand. */
const GENERATED = ['client/api-types.ts'];
/** What other packages import: the one kind of file that only passes on what others export. */
const ENTRIES = ['client/entry.ts'];

/** What `chancery serve` loads with a configuration that turns nothing on and the embedded store; the rest would only take memory. */
const SERVICE = {
  begins: ['main.ts', 'serve.ts', 'config/load.ts', 'store/embedded/store.ts'],
  packages: ['@fastify/swagger', '@fastify/swagger-ui', 'commander', 'fastify', 'lmdb', 'pino', 'prom-client', 'typebox', 'yaml'],
  without: ['acme', 'cfssl', 'swarm', 'agent', 'docker', 'store/redis', 'identity/oidc/oidc-token.ts', 'identity/attestation/admit.ts', 'cli/program.ts', 'initialise.ts', 'roll.ts'],
};

const files = sourceFiles();
const roomOf = (path: string): string => Object.keys(ROOMS).filter((room) => path.startsWith(`${room}/`)).sort((a, b) => b.length - a.length)[0] ?? path;
const isOurs = ({ target }: Import): boolean => target.endsWith('.ts');
const isTopLevel = (path: string): boolean => !path.includes('/');
const packageOf = (target: string): string => target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/');

function mayImport(from: SourceFile, { target }: Import): boolean {
  const [room, other] = [roomOf(from.path), roomOf(target)];
  const owner = IMPLEMENTATIONS[other];
  if (owner !== undefined) return room === other || from.path === owner;
  if (isTopLevel(from.path) || room === other || CONTRACTS.includes(target)) return true;
  return (ROOMS[room] ?? []).some((allowed) => target === allowed || (target.startsWith(`${allowed}/`) && other === roomOf(`${allowed}/`)));
}

t.test('the expressions see every import', async (t) => {
  const seen = importsOf('a/b.ts', `import { c, type D } from '../c.ts';
import type { E } from './e.ts';
import {
  type F,
  type G as H,
} from 'f';
import 'g';
export { i } from './i.ts';
const j = await import('../j/k.ts');
`);
  t.same(seen.map(({ target, typeOnly, names, exported }) => [target, typeOnly, names.join(), exported]), [
    ['c.ts', false, 'c,D', false], ['a/e.ts', true, 'E', false], ['f', true, 'F,G', false], ['a/i.ts', false, 'i', true], ['g', false, '*', false], ['j/k.ts', false, '*', false],
  ]);
  for (const { path, text, imports } of files) t.equal(imports.length, text.match(/\bfrom '[^']+';$|^import '|\bimport\('/gm)?.length ?? 0, path);
});

t.test('every folder is a room of the table, and every room is there', async (t) => {
  const folders = files.filter(({ path }) => !isTopLevel(path)).map(({ path }) => path.split('/')[0] ?? '');
  t.same([...new Set(folders)].sort(), [...new Set(Object.keys(ROOMS).map((room) => room.split('/')[0] ?? ''))].sort());
});

t.test('a room imports only what the table grants', async (t) => {
  const wrong = files.flatMap((file) => file.imports.filter((one) => isOurs(one) && !mayImport(file, one)).map(({ target }) => `${file.path} -> ${target}`));
  t.same(wrong, []);
});

t.test('a package is known to the rooms that are made for it, and to no other', async (t) => {
  const outside = files.flatMap(({ path, imports }) => imports.filter((one) => !isOurs(one) && !one.target.startsWith('node:')).map(({ target }) => ({ path, name: packageOf(target) })));
  t.same(outside.filter(({ path, name }) => !PACKAGES[name]?.includes(roomOf(path))).map(({ path, name }) => `${path} -> ${name}`), []);
});

t.test('pure rooms use of Node what computes, and nothing that reads or writes', async (t) => {
  const pure = files.filter(({ path }) => PURE_ROOMS.includes(roomOf(path)));
  const wrong = pure.flatMap(({ path, imports }) =>
    imports.filter(({ target, names }) => !isOurs({ target } as Import) && !names.every((name) => PURE_NODE[target]?.includes(name))).map(({ target, names }) => `${path} -> ${target} (${names.join()})`));
  t.same(wrong, []);
});

t.test('time and chance come in as arguments', async (t) => {
  t.same(files.filter(({ path, text }) => CLOCKLESS_ROOMS.includes(roomOf(path)) && OWN_CLOCK.test(text)).map(({ path }) => path), []);
});

t.test('a service loads of packages and parts what it uses', async (t) => {
  const imports = new Map(files.map((file) => [file.path, file.imports.filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic).map(({ target }) => target)]));
  const loaded = new Set<string>();
  const load = (target: string): void => {
    if (loaded.has(target) || target.startsWith('node:')) return;
    loaded.add(target);
    imports.get(target)?.forEach(load);
  };
  SERVICE.begins.forEach(load);
  t.same([...loaded].filter((target) => !target.endsWith('.ts')).map(packageOf).sort(), SERVICE.packages);
  t.same([...loaded].filter((target) => SERVICE.without.some((part) => target === part || target.startsWith(`${part}/`))), []);
  t.ok(loaded.has('http/https-app.ts') && loaded.has('issuance/issue.ts'), 'what it uses is among it');
});

t.test('no file imports itself by way of others, not even for types', async (t) => {
  const imports = new Map(files.map((file) => [file.path, file.imports.filter(isOurs).map(({ target }) => target)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) return void cycles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
    if (done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  t.same(cycles, []);
});

t.test('no file only passes on what others export, and none has a default export', async (t) => {
  t.same(files.filter(({ path, imports }) => !ENTRIES.includes(path) && imports.some(({ exported }) => exported)).map(({ path }) => path), []);
  t.same(files.filter(({ text }) => /^export default\b|\bas default\b/m.test(text)).map(({ path }) => path), []);
});

t.test('no file is longer than a reader wants to scroll', async (t) => {
  t.same(files.filter(({ path, text }) => !GENERATED.includes(path) && text.split('\n').length > LINES_MOST).map(({ path, text }) => `${path}: ${text.split('\n').length} lines`), []);
});
