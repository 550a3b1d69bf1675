#!/bin/sh
':' //; export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
':' //; case "$NODE_OPTIONS" in *semi-space*) exec node "$0" "$@" ;; esac
':' //; exec node --max-semi-space-size=16 "$0" "$@"
// The lines above are for the shell, which starts Node by them; to Node they are nothing. They keep the memory small (docs/operations.md, Sizing).

// The `chancery` command. In a checkout it installs and builds first, if need be; an installed package comes built.

import { existsSync } from 'node:fs';
import process from 'node:process';

// A worker runs what its first process was started with, whatever has changed since.
const isWorker = process.env['NODE_UNIQUE_ID'] !== undefined;

if (!isWorker && existsSync(new URL('../src', import.meta.url))) {
  const { orExit, prepare } = await import('../scripts/prepare.mjs');
  orExit(() => prepare());
}
await import('../build/src/main.js');
