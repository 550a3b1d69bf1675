// Attributes the time in a V8 CPU profile to the parts of the service.
import { readFileSync } from 'node:fs';

/**
 * The part to which a frame belongs, by the end of its file's URL and its function name; of a stack, the innermost frame that matches
 * decides. Functions of V8 and OpenSSL have no URL, and count towards their caller.
 */
const PARTS = [
  ['garbage collection', /^$/, /^\(garbage collector\)$/],
  ['between JavaScript (kernel, TLS, libuv)', /^$/, /^\(program\)$/],
  ['key import', /x509\/public-key\.js$/, /^importPublicKey$/],
  ['verify', /x509\/signature\.js$/, /^verifySignature$/],
  ['key strength', /policy\/(key-strength|roca|close-primes|small-primes|block-list)\.js$/],
  ['lint', /policy\/lints/],
  ['sign', /authority\/keys\//],
  ['read CSR and its form', /x509\/(csr|pem)\.js$|rest\/csr-body\.js$/],
  ['encode certificate', /issuance\/(template|certify)\.js$/],
  ['audit', /src\/audit\//],
  ['store (LMDB)', /node_modules\/lmdb\/|node_modules\/msgpackr\//],
  ['store', /src\/store\//],
  ['authentication', /http\/authentication\.js$|src\/identity\//],
  ['eligibility and cycle', /src\/(issuance|policy|eligibility)\//],
  ['metrics', /src\/metrics\.js$|node_modules\/prom-client\//],
  ['JSON in', /strict-json\.js$|secure-json-parse/],
  ['reply', /rest\/request-view\.js$|fast-json-stringify|serializer/],
  ['checks of form (ajv)', /node_modules\/(ajv|@fastify\/ajv)/],
  ['REST', /src\/http\//],
  ['Fastify', /node_modules\//],
  ['TLS and sockets', /^node:(internal\/)?(tls|net|stream|_tls_|js_stream)|^node:internal\/streams\/|^node:_tls|^node:internal\/stream_base/],
  ['HTTP', /^node:_http|^node:internal\/http/],
  ['events, promises, timers', /^node:(events|internal\/(timers|process|async_hooks|event))/],
];

const HELPERS = /x509\/(der\/|oids|errors|distinguished-name|dns-name|general-name|ip-address|extensions?|certificate|signed|algorithms)/;

/**
 * @param {string} file a `.cpuprofile`
 * @param {number} skip milliseconds at its beginning to leave out
 * @returns microseconds by part, and by function, of all time that was not idle
 */
export function summarise(file, skip = 0) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) for (const child of node.children ?? []) byId.get(child).parent = node;
  const spent = new Map();
  let elapsed = 0;
  samples.forEach((id, n) => {
    elapsed += timeDeltas[n];
    if (elapsed > skip * 1000) add(spent, id, timeDeltas[n]);
  });
  const parts = new Map();
  const functions = new Map();
  let busy = 0;
  for (const [id, microseconds] of spent) {
    const node = byId.get(id);
    if (node.callFrame.functionName === '(idle)') continue;
    busy += microseconds;
    add(parts, partOf(node), microseconds);
    add(functions, describe(node), microseconds);
  }
  const sorted = (map) => [...map].sort(([, a], [, b]) => b - a).map(([name, time]) => ({ name, share: time / busy, microseconds: time }));
  return { microseconds: busy, parts: sorted(parts), functions: sorted(functions) };
}

function partOf(leaf) {
  for (let node = leaf; node !== undefined; node = node.parent) {
    const { url, functionName } = node.callFrame;
    // Helpers shared by parsing, linting and encoding count towards their caller.
    if (HELPERS.test(url)) continue;
    const part = PARTS.find(([, place, name]) => place.test(url) && (name === undefined ? url !== '' : name.test(functionName)));
    if (part !== undefined) return part[0];
  }
  return 'other';
}

function describe({ callFrame: { functionName, url, lineNumber }, parent }) {
  const place = url.replace(/^file:\/\//, '').replace(/^.*\/(node_modules|src)\//, '');
  const name = functionName === '' ? '(anonymous)' : functionName;
  return url === '' ? `${name}${name.startsWith('(') ? '' : ` from ${parent?.callFrame.functionName || '(anonymous)'}`}` : `${name} ${place}:${lineNumber + 1}`;
}

const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);
