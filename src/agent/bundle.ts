import { isIP } from 'node:net';
import { PUBLIC } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';
import type { NewFile } from './replace-files.ts';

/** The port of the Engine's remote API over TLS (IANA: docker-s). */
const PORT = 2376;
const HOST = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?\/?$/;

/** Normalizes `tcp://host:port`, or a host with or without a port, to `tcp://host:port`. Throws Failure `usage`. */
export function dockerHost(text: string): string {
  const [, host = '', port = String(PORT)] = HOST.exec(text) ?? [];
  const good = host !== '' && (!host.startsWith('[') || isIP(host.slice(1, -1)) === 6) && Number(port) >= 1 && Number(port) <= 65_535;
  if (!good) throw new Failure('usage', `'${text}' is not an address of a Docker Engine`, { advice: 'expected for example tcp://docker1.example.com:2376' });
  return `tcp://${host}:${port}`;
}

/** The address of an Engine on the same machine as the service. */
export const dockerHostBeside = ({ hostname }: URL): string => dockerHost(hostname);

/**
 * Scripts that set up a shell for a Docker client: for sh, bash and zsh, for PowerShell, and for cmd. Each finds the certificates next to
 * itself, so the folder can be moved, or packed and sent to somebody.
 * @param folder where to look in shells that do not tell a sourced script its own location
 * @param host as returned by `dockerHost`: it contains nothing that needs quoting
 */
export function bundleFiles(folder: string, host: string): NewFile[] {
  const inFolder = (name: string, lines: readonly string[], end: string): NewFile => ({ path: `${folder}/${name}`, content: lines.map((line) => line + end).join(''), mode: PUBLIC });
  return [
    inFolder('env.sh', shell(folder, host), '\n'),
    inFolder('env.ps1', powerShell(host), '\r\n'),
    inFolder('env.cmd', commandPrompt(host), '\r\n'),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll('\'', '\'\\\'\'')}'`;

// dash tells a sourced script neither its name nor its folder; in zsh $0 is the script.
const shell = (folder: string, host: string): string[] => [
  '# Docker by mutual TLS:  . ./env.sh   or, in this folder,   eval "$(cat env.sh)"',
  'DOCKER_CERT_PATH=$(CDPATH= cd -- "$(dirname -- "${BASH_SOURCE:-$0}")" 2>/dev/null && pwd)',
  '[ -r "$DOCKER_CERT_PATH/env.sh" ] && [ -r "$DOCKER_CERT_PATH/cert.pem" ] || DOCKER_CERT_PATH=$PWD',
  `[ -r "$DOCKER_CERT_PATH/env.sh" ] && [ -r "$DOCKER_CERT_PATH/cert.pem" ] || DOCKER_CERT_PATH=${quoted(folder)}`,
  'export DOCKER_CERT_PATH',
  `export DOCKER_HOST=${host}`,
  'export DOCKER_TLS_VERIFY=1',
  'export COMPOSE_TLS_VERSION=TLSv1_2',
  'unset DOCKER_CONTEXT',
];

const powerShell = (host: string): string[] => [
  '# Docker by mutual TLS:  . .\\env.ps1',
  '$Env:DOCKER_CERT_PATH = $PSScriptRoot',
  `$Env:DOCKER_HOST = "${host}"`,
  '$Env:DOCKER_TLS_VERIFY = "1"',
  '$Env:COMPOSE_TLS_VERSION = "TLSv1_2"',
  '$Env:DOCKER_CONTEXT = $null',
];

const commandPrompt = (host: string): string[] => [
  '@rem Docker by mutual TLS:  env.cmd',
  '@set "DOCKER_CERT_PATH=%~dp0."',
  `@set "DOCKER_HOST=${host}"`,
  '@set "DOCKER_TLS_VERIFY=1"',
  '@set "COMPOSE_TLS_VERSION=TLSv1_2"',
  '@set "DOCKER_CONTEXT="',
];
