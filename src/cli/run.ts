import { type Command, CommanderError } from 'commander';
import { Failure } from '../client/failure.ts';
import { nearestName } from '../config/near-name.ts';
import type { Context } from './context.ts';
import { emptyProgram } from './empty-program.ts';
import { type ExitStatus, reportFailure } from './report-failure.ts';
import { addServe } from './serve.ts';

/** Runs one command line (without `node` and the script). Returns the exit status; never throws. */
export async function run(args: readonly string[], context: Context): Promise<ExitStatus> {
  const program = args[0] === 'serve' ? serviceProgram(context) : (await import('./program.ts')).buildProgram(context);
  try {
    refuseWithoutValue(commandOf(program, args), args);
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(context, error);
    // --help, --version and `help` end the parsing this way.
    return error.exitCode === 0 ? 0 : reportFailure(context, wrongUsage(error, commandOf(program, args), args));
  }
}

/** The service runs for months, so it does not load what only other commands need. */
function serviceProgram(context: Context): Command {
  const program = emptyProgram(context);
  addServe(program, context);
  return program;
}

/** In `--token $TOKEN --name x` with an empty variable, commander takes `--name` for the token. `--token=--name` makes the intention explicit. */
function refuseWithoutValue(command: Command, args: readonly string[]): void {
  const flags = new Map(command.options.map((option) => [option.long, option]));
  const given = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const at = given.findIndex((arg, index) => flags.get(arg)?.required === true && flags.has(given[index + 1]));
  if (at >= 0) throw new Failure('usage', `option '${given[at] ?? ''}' has no value before '${given[at + 1] ?? ''}'`, { advice: 'is the variable that should give it empty?' });
}

/** Converts commander's error to a one-line failure: its message, its suggestion, and where to read more. */
function wrongUsage(error: CommanderError, command: Command, args: readonly string[]): Failure {
  const path = pathOf(command);
  const help = `'${path} --help' tells more`;
  if (error.code === 'commander.help') {
    return new Failure('usage', 'a command is missing', { advice: `expected '${path}' and one of ${command.commands.map((each) => each.name()).join(', ')}; ${help}` });
  }
  const mistyped = error.code === 'commander.missingMandatoryOptionValue' ? unknownOption(command, args) : undefined;
  if (mistyped !== undefined) {
    const near = nearestName(mistyped, command.options.flatMap(({ long }) => long ?? []));
    return new Failure('usage', `unknown option '${mistyped}'`, { advice: near === undefined ? help : `did you mean ${near}? ${help}`, cause: error });
  }
  const [message = '', suggestion] = inOurWords(error.message).split('\n(Did you mean ');
  const advice = suggestion === undefined ? help : `did you mean ${suggestion.replace(/\?\)$/, '')}? ${help}`;
  return new Failure('usage', message.trim().replaceAll('\n', ' '), { advice, cause: error });
}

const inOurWords = (message: string): string => message
  .replace(/^error: (command-argument value )?/, '')
  .replace(/\. (Expected|Allowed)/, (_, word: string) => `; ${word.toLowerCase()}`);

/** A required option may be missing because it was misspelt, which is the more helpful message. */
const unknownOption = (command: Command, args: readonly string[]): string | undefined =>
  args.filter((arg) => arg.startsWith('--') && arg !== '--').map((arg) => arg.replace(/=.*$/s, '')).find((flag) => !command.options.some(({ long }) => long === flag));

/** The command that the arguments select, as far as they can be resolved. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((each) => each.name() === arg);
    if (next !== undefined) command = next;
    else if (!arg.startsWith('-')) break;
  }
  return command;
}

const pathOf = (command: Command): string => (command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`);
