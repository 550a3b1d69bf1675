import { setTimeout as sleep } from 'node:timers/promises';
import type { Tell } from '../agent/tell.ts';
import { makeFolder } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';
import { ConfigError } from '../config/faults.ts';
import type { WatchSettings } from './crl/news.ts';
import { startCrlThread } from './crl/start-thread.ts';
import { decider } from './decide.ts';
import { listenOnSocket, writeSpec } from './plugin-socket.ts';
import { pluginServer } from './plugin-server.ts';
import { loadRules } from './rules/load-rules.ts';
import { standing } from './standing.ts';

export interface PluginSettings {
  readonly socket: string;
  /** A file through which Docker finds the socket. */
  readonly spec: string | undefined;
  /** The rules file. */
  readonly rules: string | undefined;
  readonly stale: 'deny' | 'allow';
  /** Milliseconds. */
  readonly mostSilence: number | undefined;
  readonly local: 'allow' | 'deny';
  readonly watch: WatchSettings;
}

export interface PluginSurroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly tell: Tell;
  /** Registers a callback for when the rules are to be reloaded. */
  readonly onReload: (reload: () => void) => void;
}

/** Milliseconds that the first poll may take before the plugin answers without it; Docker waits for 15 s. */
const FIRST_LOOK = 8000;

/** Serves the plugin until the signal aborts. Throws Failure and ConfigError if it cannot start. */
export async function servePlugin(settings: PluginSettings, { now, tell, onReload }: PluginSurroundings, signal: AbortSignal): Promise<void> {
  const { socket, spec, rules: file } = settings;
  makeFolder(settings.watch.state);
  let rules = file === undefined ? undefined : loadRules(file);
  const certificates = standing({ stale: settings.stale, mostSilence: settings.mostSilence, now });
  const server = pluginServer({ decide: decider({ standing: certificates, rules: () => rules, local: settings.local }), tell });
  const thread = startCrlThread(settings.watch, { learn: certificates.learn, tell });
  try {
    // A client asking before the first poll would be refused through no fault of its own.
    await Promise.race([thread.looked, sleep(FIRST_LOOK, undefined, { signal, ref: false }).catch(() => {})]);
    if (signal.aborted) return;
    await listenOnSocket(server, socket);
    if (spec !== undefined) writeSpec(spec, socket);
    onReload(() => {
      if (file === undefined) return;
      try {
        rules = loadRules(file);
        tell('info', 'rules', `the rules of ${file} are in force`);
      } catch (error) {
        if (!(error instanceof ConfigError) && !(error instanceof Failure)) throw error;
        tell('error', 'rules', `the previous rules stay in force: ${error.message.replaceAll(/\n\s*/g, ' ')}`);
      }
    });
    tell('info', 'ready', `ready on ${socket}`, { socket });
    if (!signal.aborted) await new Promise((resolve) => { signal.addEventListener('abort', resolve, { once: true }); });
  } finally {
    await thread.stop();
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => { server.close(resolve); });
  }
}
