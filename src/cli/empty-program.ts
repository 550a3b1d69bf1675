import { Command, Help } from 'commander';
import { VERSION } from '../version.ts';
import type { Context } from './context.ts';

/** The program without its commands: how it prints help and faults. */
export const emptyProgram = (context: Context): Command => new Command('chancery')
  .description('A certificate authority: CSR in, certificate out, revocation for everyone')
  .version(VERSION, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  // Line breaks in the source text are only kept after a sentence, or if a line is empty.
  .configureHelp({
    helpWidth: 110, showGlobalOptions: false, commandDescription: (command) => command.description().replaceAll(/(?<![.:\n])\n(?!\n)/g, ' '),
    // Options that may be repeated have an empty list as their default.
    optionDescription: (option) => Help.prototype.optionDescription(option).replace(' (default: [])', ''),
  })
  .configureOutput({
    writeOut: (text) => { context.stdout.write(text); },
    // reportFailure prints the error, in one line.
    writeErr: () => {},
    outputError: () => {},
  })
  .showSuggestionAfterError(true)
  .exitOverride();
