// Writes what is generated from the code into openapi/: `npm run schemas`. A test compares the two.

import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../build/src/config/json-schema.js';

const write = (/** @type {string} */ name, /** @type {object} */ content) =>
  writeFileSync(new URL(`../openapi/${name}`, import.meta.url), `${JSON.stringify(content, null, 2)}\n`);

write('config.schema.json', configJsonSchema());
