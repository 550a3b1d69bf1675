import { type Command, InvalidArgumentError } from 'commander';
import { type ChainHead, EMPTY_CHAIN } from '../../audit/chain.ts';
import { type ChainFault, chainVerifier } from '../../audit/verify.ts';
import type { ChanceryClient } from '../../client/chancery-client.ts';
import { Failure } from '../../client/failure.ts';
import { withExamples } from '../arguments.ts';
import { type ConnectionOptions, withClient, withConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type Progress, startProgress } from '../progress.ts';
import { writeResult } from '../result.ts';
import { auditEntries } from './pages.ts';

interface Options extends ConnectionOptions {
  readonly anchor?: ChainHead;
}

/** The number of faults shown at most; a truncated log may have one per line. */
const MOST_FAULTS = 20;

const ABOUT = `Verify the audit log's chain of hashes on this machine: no line was changed, removed or inserted.
Anyone who can rewrite the whole store can also write a new chain. So note the head that this prints somewhere else;
--anchor later proves that the log still contains it.`;

/** `audit verify`: verifies the hash chain, in this process rather than in the service. */
export function addAuditVerify(parent: Command, context: Context): void {
  const command = parent.command('verify')
    .summary('verify the log\'s chain of hashes')
    .description(ABOUT)
    .option('--anchor <sequence:hash>', 'a head noted earlier, which must still be in the chain', anchorArgument)
    .action(async (options: Options) => {
      const progress = startProgress(context, 'verifying');
      const { head, lines, faults } = await withClient(context, options, (client) => verify(client, options.anchor, progress)).finally(progress.end);
      if (faults.length > 0) throw brokenChain(faults);
      const result = { verified: true, lines, head, ...(options.anchor === undefined ? {} : { anchor: options.anchor }) };
      writeResult(context, options.json, result, (paint) => [
        `${paint('green', 'The chain is intact:')} ${lines} lines.\n`,
        ...(options.anchor === undefined ? [] : [`The anchor, line ${options.anchor.sequence}, is in it.\n`]),
        `Head: ${head.sequence}:${head.hash}\n`,
      ].join(''));
    });
  withExamples(withConnection(command), [
    ['verify, and keep the head elsewhere', 'chancery audit verify --json | jq -r \'"\\(.head.sequence):\\(.head.hash)"\' >> heads.txt'],
    ['verify against the last head noted', 'chancery audit verify --anchor "$(tail -n 1 heads.txt)"'],
  ]);
}

/** Parses `SEQUENCE:HASH`, as printed by this command. */
function anchorArgument(text: string): ChainHead {
  const [, sequence, hash] = /^([0-9]{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined) throw new InvalidArgumentError('Expected a line\'s number, a colon and its hash of 64 hex digits.');
  return { sequence: Number(sequence), hash };
}

interface Verification {
  readonly head: ChainHead;
  readonly lines: number;
  readonly faults: readonly ChainFault[];
}

/** Verifies the log up to its head at the start; lines added in the meantime are left for the next run. */
async function verify(client: ChanceryClient, anchor: ChainHead | undefined, progress: Progress): Promise<Verification> {
  const { head } = await client.listAudit({ limit: 1 });
  const verifier = chainVerifier();
  const faults: ChainFault[] = [];
  let lines = 0;
  let anchored = anchor === undefined || isEmpty(anchor);
  for await (const page of auditEntries(client, 0, head.sequence)) {
    for (const entry of page) {
      faults.push(...verifier.check(entry));
      anchored ||= entry.sequence === anchor?.sequence && entry.hash === anchor.hash;
    }
    lines += page.length;
    progress.update(`line ${lines} of ${head.sequence}`, lines, head.sequence);
    if (faults.length >= MOST_FAULTS) return { head, lines, faults };
  }
  faults.push(...verifier.finish(head));
  if (anchor !== undefined && !anchored) faults.push({ kind: 'wrong-head', sequence: anchor.sequence, detail: `the anchor, line ${anchor.sequence} with hash ${anchor.hash}, is not in the log` });
  return { head, lines, faults };
}

const isEmpty = ({ sequence, hash }: ChainHead): boolean => sequence === EMPTY_CHAIN.sequence && hash === EMPTY_CHAIN.hash;

function brokenChain(faults: readonly ChainFault[]): Failure {
  const [first, ...more] = faults;
  return new Failure('check-failed', `the audit log is broken: ${first?.detail}`, {
    advice: 'compare it with an earlier backup, and find out who could write to the store',
    more: [...more.slice(0, MOST_FAULTS - 1).map(({ detail }) => detail), ...(more.length >= MOST_FAULTS ? ['and more'] : [])],
  });
}
