import type { Command } from 'commander';
import { Failure } from '../../client/failure.ts';

export interface ThingOptions {
  readonly keyDigest?: string;
}

/** Adds the option that selects a key instead of a name. */
export const withKey = (command: Command): Command => command.option('--key-digest <sha256>', 'a key instead of a name: SHA-256 of its SubjectPublicKeyInfo, hex');

/** The name or the key. Throws Failure `usage` unless exactly one was given. */
export function thingFrom(name: string | undefined, { keyDigest }: ThingOptions): { readonly name: string } | { readonly key: string } {
  if (name !== undefined && keyDigest === undefined) return { name };
  if (keyDigest !== undefined && name === undefined) return { key: keyDigest };
  throw new Failure('usage', name === undefined ? 'the name is missing' : 'a name and --key-digest are both given', { advice: 'give a name, or --key-digest' });
}
