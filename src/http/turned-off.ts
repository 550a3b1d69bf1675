/** An optional feature: its path prefixes, a route that exists if it is enabled, and the setting that enables it. */
interface Part {
  readonly paths: readonly string[];
  readonly call: readonly [method: 'GET' | 'POST', path: string];
  readonly words: string;
}

const PARTS: readonly Part[] = [
  { paths: ['/acme/', '/v1/acme/'], call: ['GET', '/v1/acme/accounts'], words: 'ACME is not served here: acme.enabled turns it on.' },
  { paths: ['/v1/swarms'], call: ['GET', '/v1/swarms'], words: 'Docker swarms are not served here: swarm.enabled turns that on.' },
  { paths: ['/api/v1/cfssl/'], call: ['POST', '/api/v1/cfssl/info'], words: 'The API of cfssl is not served here: cfssl.enabled turns it on.' },
  { paths: ['/v1/attestations'], call: ['GET', '/v1/attestations'], words: 'Nodes cannot prove themselves here: the accepted kinds of proof are configured in attestation.' },
];

/**
 * Explains a path without a route, if it belongs to a feature that is disabled.
 * @param serves whether a route exists
 */
export function turnedOff(path: string, serves: (method: 'GET' | 'POST', path: string) => boolean): string | undefined {
  return PARTS.find(({ paths, call }) => paths.some((start) => path.startsWith(start)) && !serves(...call))?.words;
}
