import { createHash } from 'node:crypto';
import type { Script } from './link.ts';

/** A script with what a server must be told of it. */
export interface KnownScript {
  /** By which EVALSHA knows it. */
  readonly digest: string;
  /**
   * The script, with a look before it whether the user has the right to all that it calls: a command that is refused in the middle would
   * leave it half done. Servers before 7.0 cannot say; there the first write is refused as a whole where none is allowed.
   */
  readonly guarded: string;
}

/** @param key one that begins as all keys of the store do */
export const knownScript = ({ source }: Script, key: string): KnownScript => ({
  digest: createHash('sha1').update(source).digest('hex'),
  guarded: `${guard(commandsOf(source), key)}${source}`,
});

/** The commands that a script calls, by their names in it. */
const commandsOf = (source: string): readonly string[] => [...new Set([...source.matchAll(/\bcall\(\s*["']([A-Za-z]+)["']/g)].map(([, name = '']) => name.toUpperCase()))];

const guard = (commands: readonly string[], key: string): string => `do
  local missing = {}
  for _, command in ipairs({${commands.map((name) => `"${name}"`).join(',')}}) do
    if redis.acl_check_cmd and not redis.acl_check_cmd(command, "${key}", "${key}", "${key}") then missing[#missing + 1] = '+' .. string.lower(command) end
  end
  if #missing > 0 then return redis.error_reply('NOPERM the user lacks rights: ' .. table.concat(missing, ' ')) end
end
`;
