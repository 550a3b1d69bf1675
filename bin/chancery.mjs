#!/bin/sh
':' //; export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
':' //; case "$NODE_OPTIONS" in *semi-space*) exec node "$0" "$@" ;; esac
':' //; exec node --max-semi-space-size=16 "$0" "$@"
// The lines above are for the shell, which starts Node with them; Node ignores them. They keep memory use small (docs/operations.md, Sizing).

// The `chancery` command. In a checkout it first installs and builds if necessary; an installed package is already built.

import { existsSync } from 'node:fs';
import process from 'node:process';

// A worker runs the code that its primary was started with, whatever has changed since.
const isWorker = process.env['NODE_UNIQUE_ID'] !== undefined;

if (!isWorker && existsSync(new URL('../src', import.meta.url))) {
  const { orExit, prepare } = await import('../scripts/prepare.mjs');
  orExit(() => prepare());
}
await import('../build/src/main.js');
