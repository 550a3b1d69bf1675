import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Failure } from '../../client/failure.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { describeSwarm } from './register.ts';
import { withClusterId } from './cluster-id.ts';

interface Options extends ConnectionOptions {
  readonly root?: string;
  readonly clusterId: string;
}

/** `swarm unregister`: stops trusting the swarm's own root. */
export function addSwarmUnregister(parent: Command, context: Context): void {
  const command = withClusterId(parent.command('unregister'))
    .summary('unregister a swarm\'s own root')
    .description('Unregister a Docker swarm\'s own root, once all of its nodes have certificates from here. It takes effect at once, also on open connections.\nManagers with a certificate from here keep access, until \'chancery certificates revoke\' ends that.')
    .option('--root <file>', 'only this root, PEM, or its SHA-256 as \'chancery swarm list\' shows it (default: all of the swarm\'s)')
    .action(async (options: Options) => {
      const swarm = await withClient(context, options, (client) => client.unregisterSwarm(options.clusterId, options.root === undefined ? undefined : digestOf(options.root)));
      writeResult(context, options.json, swarm, (paint) => describeSwarm(swarm, context, paint));
    });
  withExamples(withConnection(command), [['after docker swarm ca --rotate is done', 'chancery swarm unregister --cluster-id x4qzgifqmyjdiqlo5qb7t7a9g']]);
}

function digestOf(root: string): string {
  if (/^[0-9a-f]{64}$/i.test(root)) return root.toLowerCase();
  try {
    return new X509Certificate(readFileSync(root)).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch (cause) {
    throw new Failure('file', `${root} cannot be read as a certificate`, { advice: 'expected the root in PEM, or its SHA-256 in hex', cause });
  }
}
