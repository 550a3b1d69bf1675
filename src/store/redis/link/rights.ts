import { createHash } from 'node:crypto';
import type { Script } from './link.ts';

/** A script with what is needed to run it on a server. */
export interface KnownScript {
  /** For EVALSHA. */
  readonly digest: string;
  /**
   * The script, preceded by a check that the user may run every command it calls: a command refused halfway would leave it half done. Servers before 7.0
   * cannot tell; there, the first write is refused as a whole if none is allowed.
   */
  readonly guarded: string;
}

/** @param key a key with the common prefix of the store */
export const knownScript = ({ source }: Script, key: string): KnownScript => ({
  digest: createHash('sha1').update(source).digest('hex'),
  guarded: `${guard(commandsOf(source), key)}${source}`,
});

/** The commands that a script calls, found by name. */
const commandsOf = (source: string): readonly string[] => [...new Set([...source.matchAll(/\bcall\(\s*["']([A-Za-z]+)["']/g)].map(([, name = '']) => name.toUpperCase()))];

const guard = (commands: readonly string[], key: string): string => `do
  local missing = {}
  for _, command in ipairs({${commands.map((name) => `"${name}"`).join(',')}}) do
    if redis.acl_check_cmd and not redis.acl_check_cmd(command, "${key}", "${key}", "${key}") then missing[#missing + 1] = '+' .. string.lower(command) end
  end
  if #missing > 0 then return redis.error_reply('NOPERM the user lacks rights: ' .. table.concat(missing, ' ')) end
end
`;
