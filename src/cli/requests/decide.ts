import type { Command } from 'commander';
import { serialArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { showRequest } from './show.ts';

interface Words {
  readonly about: string;
  readonly done: string;
  readonly reason: string;
}

const WORDS: Readonly<Record<'approve' | 'deny', Words>> = {
  approve: { about: 'Approve a waiting request; the last approval it needs issues its certificate', done: 'approved', reason: 'asked for by ticket 4711' },
  deny: { about: 'Deny a waiting request, permanently', done: 'denied', reason: 'not one of our hosts' },
};

/** `requests approve` and `requests deny`. */
export function addRequestsDecide(parent: Command, context: Context, decision: 'approve' | 'deny'): void {
  const { about, done, reason: example } = WORDS[decision];
  const command = parent.command(decision)
    .summary(`${decision} a waiting request`)
    .description(about)
    .argument('<id>', 'the request\'s id, as \'chancery requests list --state pending\' shows it', serialArgument)
    .requiredOption('--reason <text>', 'why; recorded in the request and in the audit log')
    .action(async (id: string, options: ConnectionOptions & { readonly reason: string }) => {
      const request = await withClient(context, options, (client) => client.decideRequest(id, decision, options.reason));
      writeResult(context, options.json, request, (paint) => `Request ${id} ${request.state === 'pending' && request.approvals !== undefined ? `has ${request.approvals.given} of ${request.approvals.needed} approvals` : `is ${done}`}.\n\n${showRequest(request, context.now(), paint)}`);
    });
  withExamples(withConnection(command), [
    [`${decision} one`, `chancery requests ${decision} 069b3f1d5f0c0a7e6b1d2c3b4a59687700112233 --reason "${example}"`],
  ]);
}
