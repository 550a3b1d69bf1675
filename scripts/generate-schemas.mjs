// Writes the files generated from the code, openapi/ and docs/configuration.md: `npm run schemas`. Tests check that they are current.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { configurationGuide } from '../build/src/config/guide.js';
import { loadConfig } from '../build/src/config/load.js';
import { configJsonSchema } from '../build/src/config/json-schema.js';
import { initialise } from '../build/src/initialise.js';
import { createLogger } from '../build/src/log.js';
import { startService } from '../build/src/service.js';

const write = (/** @type {string} */ name, /** @type {object} */ content) =>
  writeFileSync(new URL(`../openapi/${name}`, import.meta.url), `${JSON.stringify(content, null, 2)}\n`);

write('config.schema.json', configJsonSchema());
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationGuide());

/** TypeScript types for the same. The tool needs an older compiler than ours, so it lives in tools/. */
async function writeTypes() {
  const source = new URL('../openapi/chancery.v1.json', import.meta.url);
  const tool = new URL('../tools/node_modules/openapi-typescript/dist/index.mjs', import.meta.url);
  const { default: openapiTS, astToString } = await import(tool.href);
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex');
  const head = `// Written by 'npm run schemas' from openapi/chancery.v1.json (SHA-256 ${digest}).\n\n`;
  writeFileSync(new URL('../src/client/api-types.ts', import.meta.url), head + astToString(await openapiTS(source, { immutable: true, alphabetize: true, silent: true })));
}

// The routes of a running service with every optional part enabled.
const everyPart = JSON.parse(readFileSync(new URL('every-part.json', import.meta.url), 'utf8'));
const data = mkdtempSync(join(tmpdir(), 'chancery-schemas-'));
try {
  const free = '127.0.0.1:0';
  const config = loadConfig({ env: { ...everyPart, CHANCERY_DATA: data, CHANCERY_LISTEN__HTTPS: free, CHANCERY_LISTEN__HTTP: free, CHANCERY_LISTEN__METRICS: 'off' }, folder: data });
  await initialise({ mode: 'internal' }, config, Date.now);
  const service = await startService({ config, log: createLogger('error', (line) => void process.stderr.write(line)) });
  const openApi = service.openApi();
  await service.stop();
  write('chancery.v1.json', openApi);
  await writeTypes();
} finally {
  rmSync(data, { recursive: true, force: true });
}
