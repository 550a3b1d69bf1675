import { type Command, InvalidArgumentError } from 'commander';

/** Adds the option that names the swarm. */
export const withClusterId = (command: Command): Command =>
  command.requiredOption('--cluster-id <id>', 'the swarm\'s id: docker info -f \'{{.Swarm.Cluster.ID}}\'', (text) => {
    if (!/^(?:FIPS\.)?[a-z0-9]{25}$/.test(text)) throw new InvalidArgumentError('Expected 25 letters and digits, as docker info shows them.');
    return text;
  });
