import { Command, Help } from 'commander';
import { VERSION } from '../version.ts';
import type { Context } from './context.ts';

/** The command line without its commands: how it tells help and faults. */
export const emptyProgram = (context: Context): Command => new Command('chancery')
  .description('A certificate authority: CSR in, certificate out, revocation for everyone')
  .version(VERSION, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  // Lines of the source end where its own width does; only those that end a sentence, or are empty, are meant.
  .configureHelp({
    helpWidth: 110, showGlobalOptions: false, commandDescription: (command) => command.description().replaceAll(/(?<![.:\n])\n(?!\n)/g, ' '),
    // An option that may be repeated begins with none.
    optionDescription: (option) => Help.prototype.optionDescription(option).replace(' (default: [])', ''),
  })
  .configureOutput({
    writeOut: (text) => { context.stdout.write(text); },
    // Told by reportFailure, in one line.
    writeErr: () => {},
    outputError: () => {},
  })
  .showSuggestionAfterError(true)
  .exitOverride();
