import { ConfigError, type ConfigFault, type Path, pathText } from '../../config/faults.ts';
import { parseSettings } from '../../config/parse-settings.ts';
import type { SchemaNode } from '../../config/schema-node.ts';
import { pathKey, readYamlFile } from '../../config/yaml-file.ts';
import { compileNamePattern, PatternError } from '../../policy/name-pattern.ts';
import { compileRules, type Rules } from './rules.ts';
import { type RuleSettings, RulesSchema } from './rules-schema.ts';

/** Loads the rules from a YAML file. Throws ConfigError with every fault, its line, and what was expected. */
export function loadRules(file: string): Rules {
  const { values, origins, faults: written } = readYamlFile(file, file);
  const faults: ConfigFault[] = [...written];
  const report = (path: Path, problem: string, expected: string): void => {
    // For a missing value, use the position of the node that should contain it.
    const at = path.map((_, index) => origins.get(pathKey(path.slice(0, path.length - index)))).find((origin) => origin !== undefined);
    faults.push({ ...(at ?? { source: file }), path: pathText(path), problem, expected });
  };
  if (written.length === 0) {
    const { rules } = (parseSettings(RulesSchema as unknown as SchemaNode, values ?? {}, [], report) ?? {}) as { rules?: readonly RuleSettings[] };
    if (faults.length === 0 && rules !== undefined) {
      rules.forEach((rule, index) => checkRule(rule, ['rules', index], report));
      if (faults.length === 0) return compileRules(rules);
    }
  }
  throw new ConfigError(faults, `the rules file ${file}`);
}

/** Checks that the schema cannot express. */
function checkRule({ clients = [] }: RuleSettings, path: Path, report: (path: Path, problem: string, expected: string) => void): void {
  clients.forEach((client, index) => {
    const at = [...path, 'clients', index];
    if (Object.keys(client).length === 0) report(at, 'names nothing', 'commonName, organizationalUnit, organization, name or authority; without clients the rule is for everybody');
    client.name?.forEach((pattern, place) => {
      try {
        compileNamePattern(pattern);
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        report([...at, 'name', place], error.message, '');
      }
    });
  });
}
