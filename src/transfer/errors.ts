/** Why a backup cannot be made, read or restored. Tests assert on the code. */
export type TransferErrorCode =
  /** There is nothing at the store's address. */
  | 'no-store'
  /** Not a backup, or one of a newer format version. */
  | 'not-a-backup'
  /** The backup was interrupted while it was being made: it has no end frame. */
  | 'incomplete'
  /** Bytes were changed, or are missing from the middle. */
  | 'damaged'
  /** The content is invalid: a certificate that cannot be parsed, a log whose chain does not verify. */
  | 'wrong-content'
  /** The unfinished file belongs to another store, or the store has been restored since. */
  | 'other-store'
  /** The log in the store and the log in the backup are not the same. */
  | 'other-log'
  /** A service is running on the store, or another backup is writing to the file. */
  | 'in-use'
  /** A restore into this store was begun and not finished. */
  | 'unfinished';

/** A fault in a backup or restore that has to be reported to the operator. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly code: TransferErrorCode;
  readonly advice: string | undefined;

  constructor(code: TransferErrorCode, message: string, advice?: string) {
    super(message);
    this.code = code;
    this.advice = advice;
  }
}
