import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { SwarmReply } from '../../client/replies.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { fields, type Style, printable, showTime, showTimeFrom } from '../text.ts';
import { withClusterId } from './cluster-id.ts';

interface Options extends ConnectionOptions {
  readonly root: string;
  readonly clusterId: string;
}

/** `swarm register`: accepts the managers of a swarm by certificates under its own root. */
export function addSwarmRegister(parent: Command, context: Context): void {
  const command = withClusterId(parent.command('register'))
    .summary('register a swarm\'s own root')
    .description('Register a Docker swarm\'s own root, before telling the swarm to get its certificates here.\nFrom then on its managers, and those of no other swarm, may request certificates for its nodes.')
    .requiredOption('--root <file>', 'the root, PEM, as docker swarm ca prints it')
    .action(async (options: Options) => {
      const { clusterId } = options;
      const root = readFileSync(options.root, 'utf8');
      const swarm = await withClient(context, options, (client) => client.registerSwarm({ clusterId, root }));
      writeResult(context, options.json, swarm, (paint) => describeSwarm(swarm, context, paint));
    });
  withExamples(withConnection(command), [['on a manager', 'docker swarm ca > old-root.pem\n  chancery swarm register --root old-root.pem --cluster-id "$(docker info -f \'{{.Swarm.Cluster.ID}}\')"']]);
}

/** The registration of a swarm in readable form. */
export const describeSwarm = ({ clusterId, roots, graceUntil, graceBy }: SwarmReply, context: Context, paint: (style: Style, text: string) => string): string => fields([
  ['swarm', paint('bold', clusterId)],
  ...(roots.length === 0 ? [['roots', 'none'] as const] : roots.map(({ digest, subject, notAfter }) => ['root', `${digest} (${printable(subject)}, expires ${showTime(notAfter)})`] as const)),
  ['grace', graceUntil === undefined ? undefined : `until ${showTimeFrom(context.now(), graceUntil)}${graceBy === undefined ? '' : `, by ${printable(graceBy)}`}`],
], paint);
