import type { Command } from 'commander';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { printable } from '../text.ts';

/** `attestations release`: lets a node attest again, with another key. */
export function addAttestationsRelease(parent: Command, context: Context): void {
  const command = parent.command('release')
    .summary('let a node prove itself again')
    .description('Let a node prove itself again with another key, after its disk was lost or if somebody else was faster. Its certificates stay valid: revoke them separately')
    .argument('<id>', 'as \'chancery attestations list\' shows it')
    .action(async (id: string, options: ConnectionOptions) => {
      const node = await withClient(context, options, (client) => client.releaseAttestation(id));
      writeResult(context, options.json, node, () => `${printable(node.kind)} ${printable(node.name)} may prove itself again.\n`);
    });
  withExamples(withConnection(command), [['by its id', 'chancery attestations release 6f1c2a9b0d3e4f5a6b7c8d9e0f1a2b3c']]);
}
