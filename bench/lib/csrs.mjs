// A file of certification requests, each with its own P-256 key and name.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { importBuilt } from './build.mjs';

const BLOCK = 1000;
const THREADS = 2;

/** The name of the nth CSR, which tells which CSR a certificate answers. */
export const nameOf = (n) => `node${n}.bench.example.com`;

/** Writes `count` CSRs, one per line: PEM with its line breaks escaped as `\n`, ready for a JSON string. */
export async function writeCsrs(file, count, build) {
  const blocks = new Array(Math.ceil(count / BLOCK));
  let next = 0;
  const thread = async () => {
    const worker = new Worker(new URL('csr-worker.mjs', import.meta.url), { workerData: { build } });
    while (next < blocks.length) {
      const block = next++;
      worker.postMessage({ first: block * BLOCK, end: Math.min(count, (block + 1) * BLOCK) });
      [blocks[block]] = await once(worker, 'message');
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: THREADS }, thread));
  await writeFile(file, blocks, { mode: 0o600 });
}

/** @returns a map from each name to the SubjectPublicKeyInfo of its CSR */
export async function keysByName(file, names, build) {
  const { parseCertificationRequest } = await importBuilt(build, 'x509/csr');
  const { decodePem } = await importBuilt(build, 'x509/pem');
  const wanted = new Map([...names].map((name) => [Number(/^node(\d+)\./.exec(name)?.[1]), name]));
  const keys = new Map();
  let n = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const name = wanted.get(n++);
    if (name !== undefined) keys.set(name, parseCertificationRequest(decodePem(line.replaceAll('\\n', '\n'), 'CERTIFICATE REQUEST')[0]).publicKey.der);
  }
  return keys;
}
