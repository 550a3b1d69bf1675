import type { Command } from 'commander';

export interface NamedCommand {
  /** `['token', 'create']`. */
  readonly path: readonly string[];
  readonly command: Command;
}

/** Every command that does something, groups left out; those of a group after a command that has the group's name. */
export function commandsOf(parent: Command, path: readonly string[] = []): NamedCommand[] {
  return parent.commands.flatMap((command) => {
    const own = [...path, command.name()];
    const below = commandsOf(command, own);
    // A group by itself has no options of its own.
    return [...(below.length === 0 || command.options.length > 0 ? [{ path: own, command }] : []), ...below];
  });
}
