/** A part of the service that the configuration turns on: the paths under which it is, one call that is there when it is on, and the setting. */
interface Part {
  readonly paths: readonly string[];
  readonly call: readonly [method: 'GET' | 'POST', path: string];
  readonly words: string;
}

const PARTS: readonly Part[] = [
  { paths: ['/acme/', '/v1/acme/'], call: ['GET', '/v1/acme/accounts'], words: 'ACME is not served here: acme.enabled turns it on.' },
  { paths: ['/v1/swarms'], call: ['GET', '/v1/swarms'], words: 'Docker swarms are not served here: swarm.enabled turns that on.' },
  { paths: ['/api/v1/cfssl/'], call: ['POST', '/api/v1/cfssl/info'], words: 'The API of cfssl is not served here: cfssl.enabled turns it on.' },
  { paths: ['/v1/attestations'], call: ['GET', '/v1/attestations'], words: 'No node proves itself here: the kinds of proof that are taken are configured in attestation.' },
];

/**
 * What to say of a path at which there is nothing, where it belongs to a part that is turned off.
 * @param serves whether there is such a call
 */
export function turnedOff(path: string, serves: (method: 'GET' | 'POST', path: string) => boolean): string | undefined {
  return PARTS.find(({ paths, call }) => paths.some((start) => path.startsWith(start)) && !serves(...call))?.words;
}
