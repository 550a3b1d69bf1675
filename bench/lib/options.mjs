import { parseArgs } from 'node:util';
import { CONTESTANTS } from './contestants.mjs';

const HELP = `Usage: node bench/issue.mjs [options]

  --connections LIST    connections at once (1,16,64)
  --seconds N           of each measure (4)
  --rounds N            of which the median is told (3)
  --servers LIST        of ${Object.keys(CONTESTANTS).join(', ')} (chancery,verifying,cfssl)
  --node PATH           the Node that runs Chancery (this one)
  --profile DIR         keep a CPU profile of each Chancery there, and tell where its time went
  --csrs N              distinct CSRs to make (12,000 for each second of a measure)
  --build DIR           compiled sources (build/, made afresh when sources changed)
  --json                numbers for programs, in place of tables
`;

const numbers = (text, least = 1) => text.split(',').map((part) => {
  if (!/^\d+$/.test(part) || Number(part) < least) throw new Error(`${JSON.stringify(part)} is no number from ${least} up`);
  return Number(part);
});

/** Parses the command line. Ends the process for `--help` and for wrong usage. */
export function readOptions() {
  const text = { type: 'string' };
  try {
    const { values } = parseArgs({
      options: {
        connections: { ...text, default: '1,16,64' }, seconds: { ...text, default: '4' }, rounds: { ...text, default: '3' },
        servers: { ...text, default: 'chancery,verifying,cfssl' }, node: { ...text, default: process.execPath }, profile: text,
        csrs: text, build: text, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    const servers = values.servers.split(',');
    const unknown = servers.find((name) => !Object.hasOwn(CONTESTANTS, name));
    if (unknown !== undefined) throw new Error(`there is no server ${JSON.stringify(unknown)}; expected some of ${Object.keys(CONTESTANTS).join(', ')}`);
    const [seconds] = numbers(values.seconds);
    return {
      connections: numbers(values.connections), seconds, rounds: numbers(values.rounds)[0], servers,
      node: values.node, profile: values.profile,
      csrs: values.csrs === undefined ? Math.max(20_000, seconds * 12_000) : numbers(values.csrs)[0], build: values.build, json: values.json,
    };
  } catch (error) {
    process.stderr.write(`bench: ${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}
