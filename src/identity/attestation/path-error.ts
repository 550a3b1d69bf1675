/** Why a certificate is not trusted, in words. */
export class PathError extends Error {
  override readonly name = 'PathError';
}
