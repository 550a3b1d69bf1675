#!/usr/bin/env node
// The `chancery` command. In a checkout it installs and builds first, if need be; an installed package comes built.

import { existsSync } from 'node:fs';

if (existsSync(new URL('../src', import.meta.url))) {
  const { orExit, prepare } = await import('../scripts/prepare.mjs');
  orExit(() => prepare());
}
await import('../build/src/main.js');
