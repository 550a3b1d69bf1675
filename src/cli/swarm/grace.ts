import type { Command } from 'commander';
import { durationArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { withClusterId } from './cluster-id.ts';
import { describeSwarm } from './register.ts';

interface Options extends ConnectionOptions {
  readonly clusterId: string;
  readonly for?: string;
  readonly close?: boolean;
}

/** `swarm grace`: accepts managers with an expired certificate for a limited time. */
export function addSwarmGrace(parent: Command, context: Context): void {
  const command = withClusterId(parent.command('grace'))
    .summary('admit managers with expired certificates, for a limited time')
    .description('Admit managers of one swarm whose certificates have expired, for a limited time: without a valid one, a swarm cannot request another.\nRevoked certificates are not admitted. The window closes by itself, and is recorded in the audit log.')
    .option('--for <duration>', 'how long, at most 7d (default: 1h)', durationArgument)
    .option('--close', 'close the window now')
    .action(async (options: Options) => {
      const { clusterId } = options;
      const swarm = await withClient(context, options, (client) => (options.close === true ? client.closeSwarmGrace(clusterId) : client.openSwarmGrace(clusterId, options.for)));
      writeResult(context, options.json, swarm, (paint) => describeSwarm(swarm, context, paint));
    });
  withExamples(withConnection(command), [['long enough for the managers to renew', 'chancery swarm grace --cluster-id x4qzgifqmyjdiqlo5qb7t7a9g --for 30m']]);
}
