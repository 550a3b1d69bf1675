import type { Extension } from './extensions.ts';

/** The decoded value of an extension, or undefined if it is absent. Throws whatever `decode` throws. */
export function valueOf<T>({ extensions }: { readonly extensions: readonly Extension[] }, wanted: string, decode: (value: Uint8Array) => T): T | undefined {
  const found = extensions.find(({ oid }) => oid === wanted);
  return found === undefined ? undefined : decode(found.value);
}
