import { readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import t from 'tap';
import { buildProgram } from '../../src/cli/program.ts';
import { repositoryFile } from '../repository.ts';
import { commandsOf } from './commands.ts';

const PAGES = ['README.md', 'CHANGELOG.md', ...readdirSync(repositoryFile('docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const quiet = { write: () => {} };
const program = buildProgram({ stdout: quiet, stderr: quiet, env: {}, now: Date.now });
const commands = commandsOf(program);

/** What a page has in code: its blocks, with lines that go on put together, and its spans. */
function codeOf(page: string): string[] {
  const text = readFileSync(repositoryFile(page), 'utf8');
  const blocks = text.match(/^ *```.*?^ *```/gms) ?? [];
  const spans = text.replace(/^ *```.*?^ *```/gms, '').match(/`[^`\n]+`/g) ?? [];
  return [...blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n').slice(1, -1)), ...spans.map((span) => span.slice(1, -1))];
}

/**
 * Each call of the program in a line of a shell: its arguments, up to what ends the call. Quoted text is one argument.
 * Users, images and services have its name, too.
 */
function callsIn(line: string): string[][] {
  return [...line.matchAll(/(?:^|[\s('"]|\/bin\/)chancery (?=[a-z])(?!chancery |on |cd )/g)].map(({ index, 0: before }) => {
    const [call = ''] = line.slice(index + before.length).replaceAll(/'[^']*'|"[^"]*"/g, 'QUOTED').split(/[|;&>#)'"`]/);
    return call.trim().split(/\s+/);
  });
}

/** The command that the arguments begin with; undefined where they begin with none. */
function commandFor(args: readonly string[]): Command | undefined {
  return commands.findLast(({ path }) => path.every((name, at) => args[at] === name))?.command;
}

t.test('every command and option that the pages write is there', async (t) => {
  const calls = PAGES.flatMap((page) => codeOf(page).flatMap((line) => callsIn(line).map((args) => ({ page, args }))));
  t.ok(calls.length > 150);
  for (const { page, args } of calls) {
    const command = commandFor(args);
    // A group by itself is one that the text speaks of.
    if (command === undefined) t.ok(args.length === 1 && program.commands.some((group) => group.name() === args[0]), `${page}: chancery ${args.join(' ')}`);
    for (const flag of args.filter((arg) => /^--[a-z]/.test(arg)).map((arg) => arg.replace(/[=,:.].*$/, ''))) {
      t.ok(command?.options.some(({ long }) => long === flag), `${page}: ${flag} of chancery ${args.join(' ')}`);
    }
  }
});

t.test('every command is in the reference, with what it does', async (t) => {
  const [, table = ''] = /^## Commands\n(.*?)^## /ms.exec(readFileSync(repositoryFile('docs/reference.md'), 'utf8')) ?? [];
  t.same(table.match(/^\| `.*$/gm), commands.map(({ path, command }) => `| \`chancery ${path.join(' ')}\` | ${command.summary()} |`));
});
