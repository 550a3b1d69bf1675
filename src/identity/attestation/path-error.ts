/** Explains, in words, why a certificate is not trusted. */
export class PathError extends Error {
  override readonly name = 'PathError';
}
