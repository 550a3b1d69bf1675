/** Every way in which input can be invalid. A closed set that tests and protocol front ends rely on. */
export type X509ErrorCode =
  // DER (X.690)
  | 'truncated'
  | 'trailing-bytes'
  | 'unexpected-tag'
  | 'indefinite-length'
  | 'non-minimal-length'
  | 'too-deep'
  | 'too-many-elements'
  | 'bad-boolean'
  | 'bad-integer'
  | 'bad-oid'
  | 'bad-bit-string'
  | 'bad-null'
  | 'bad-string'
  | 'bad-time'
  | 'not-sorted'
  | 'default-encoded'
  | 'empty-list'
  // the structure as a whole
  | 'too-large'
  | 'bad-pem'
  | 'bad-base64'
  | 'unsupported-version'
  // algorithms and signatures
  | 'unsupported-algorithm'
  | 'bad-algorithm-parameters'
  | 'algorithm-mismatch'
  | 'bad-signature'
  // keys
  | 'unsupported-key'
  | 'bad-key'
  | 'key-too-large'
  // names
  | 'bad-distinguished-name'
  | 'multi-valued-rdn'
  | 'unsupported-string-type'
  | 'common-name-is-address'
  | 'unsupported-name-kind'
  | 'bad-dns-name'
  | 'bad-ip-address'
  | 'bad-email'
  | 'bad-uri'
  | 'too-many-names'
  // extensions and attributes
  | 'too-many-extensions'
  | 'duplicate-extension'
  | 'bad-extension'
  | 'duplicate-attribute'
  | 'unsupported-attribute';

/** Refused input. `detail` says what was found and what was expected; `offset` is the position in the DER, if known. */
export class X509Error extends Error {
  override readonly name = 'X509Error';
  readonly code: X509ErrorCode;
  readonly detail: string;
  readonly offset?: number;

  constructor(code: X509ErrorCode, detail: string, offset?: number) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
    if (offset !== undefined) this.offset = offset;
  }
}
