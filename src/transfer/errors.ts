/** Why a backup cannot be made, read or restored. Tests assert on the code. */
export type TransferErrorCode =
  /** Nothing is where the store should be. */
  | 'no-store'
  /** No backup, or one of a newer version. */
  | 'not-a-backup'
  /** It was interrupted while it was made: it has no end. */
  | 'incomplete'
  /** Octets were changed, or are missing in the middle. */
  | 'damaged'
  /** What is in it cannot be right: a certificate that is none, a log that does not hold together. */
  | 'wrong-content'
  /** The file that was begun is of another store, or the store was put back since. */
  | 'other-store'
  /** The log here and the log in the backup are not one. */
  | 'other-log'
  /** A service is running on the store, or another backup writes the file. */
  | 'in-use'
  /** A restore into this store was begun and not finished. */
  | 'unfinished';

/** Something about a backup or restore that a person must know. */
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
