import type { Command } from 'commander';
import { toProblem } from '../../client/problem.ts';
import type { RequestReply, StepReply } from '../../client/replies.ts';
import { serialArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { type Style, fields, printable, showTime, showTimeFrom } from '../text.ts';

/** `requests show`: one request with its steps. */
export function addRequestsShow(parent: Command, context: Context): void {
  const command = parent.command('show')
    .summary('show a request and its steps')
    .description('Show a request: who asked for what, and each check with its outcome')
    .argument('<id>', 'the request\'s id, which is also its certificate\'s serial', serialArgument)
    .action(async (id: string, options: ConnectionOptions) => {
      const request = await withClient(context, options, (client) => client.getRequest(id));
      writeResult(context, options.json, request, (paint) => showRequest(request, context.now(), paint));
    });
  withExamples(withConnection(command), [['by its id', 'chancery requests show 069b3f1d5f0c0a7e6b1d2c3b4a59687700112233']]);
}

const OUTCOMES: Readonly<Record<StepReply['outcome'], Style>> = { passed: 'green', failed: 'red', waiting: 'yellow' };

/** A request in readable form: its fields, then a line for each step. */
export function showRequest(request: RequestReply, now: number, paint: (style: Style, text: string) => string): string {
  const head = fields([
    ['id', request.id],
    ['state', request.state],
    ['profile', request.profile],
    ['requester', `${request.requester.kind} ${request.requester.name}`],
    ['names', request.names.join(', ')],
    ['made', showTime(request.createdAt)],
    ['changed', showTime(request.updatedAt)],
    ['approvals', request.approvals === undefined ? undefined : `${request.approvals.given} of ${request.approvals.needed}`],
    ['ends', request.notAfter === undefined ? undefined : showTimeFrom(now, request.notAfter)],
    ['refused', request.problem === undefined ? undefined : refusal(request.problem)],
  ], paint);
  const width = Math.max(0, ...request.steps.map(({ name }) => name.length));
  const steps = request.steps.map(({ outcome, name, reason }) => {
    // Each part of a long reason gets a line of its own below the first.
    const [first = '', ...others] = printable(reason).split('; ');
    const below = ' '.repeat(2 + 7 + 2 + width + 2);
    return `  ${paint(OUTCOMES[outcome] ?? 'bold', printable(outcome).padEnd(7))}  ${printable(name).padEnd(width)}  ${[first, ...others.map((part) => `${below}${part}`)].join(';\n')}\n`;
  });
  return `${head}${paint('dim', 'steps')}\n${steps.join('')}`;
}

const refusal = (value: unknown): string => {
  const problem = toProblem(0, value);
  return problem.detail ?? problem.title;
};
