import type { Command } from 'commander';
import type { AuditEntry } from '../../audit/entry.ts';
import { integerArgument, withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { writeResult } from '../result.ts';
import { showTime, table } from '../text.ts';
import { auditEntries } from './pages.ts';

interface Options extends ConnectionOptions {
  readonly after?: number;
  readonly limit: number;
}

/** `audit show`: lines of the audit log, oldest first; the most recent ones if no position is given. */
export function addAuditShow(parent: Command, context: Context): void {
  const command = parent.command('show')
    .summary('show entries of the audit log')
    .description('Show the audit log, who did what to what, oldest first; without --after, its last lines')
    .option('--after <sequence>', 'start after this line', integerArgument(0, Number.MAX_SAFE_INTEGER))
    .option('--limit <n>', 'number of lines to show', integerArgument(1, 1_000_000), 50)
    .action(async (options: Options) => {
      const { items, head } = await withClient(context, options, async (client) => {
        const { head } = await client.listAudit({ limit: 1 });
        const after = options.after ?? Math.max(0, head.sequence - options.limit);
        const items: AuditEntry[] = [];
        for await (const page of auditEntries(client, after, after + options.limit)) items.push(...page);
        return { items, head };
      });
      writeResult(context, options.json, { items, head }, (paint) => (items.length === 0 ? 'There are no such lines.\n' : table(
        ['LINE', 'TIME', 'EVENT', 'WHO', 'WHAT', 'DETAILS'],
        items.map((entry) => [String(entry.sequence), showTime(entry.time), entry.event, entry.actor, entry.subject, detailsOf(entry)]),
        paint,
      )));
    });
  withExamples(withConnection(command), [
    ['the last twenty lines', 'chancery audit show --limit 20'],
    ['everything, for another system', 'chancery audit show --after 0 --limit 1000000 --json > audit.json'],
  ]);
}

const detailsOf = ({ details = {} }: AuditEntry): string => Object.entries(details).map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`).join(' ');
