import type { Connect } from '../renew-certificate.ts';
import type { Tell } from '../tell.ts';

/** A keeper's dependencies. */
export interface KeeperSurroundings {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** A random number from 0 to 1. */
  readonly random: () => number;
  readonly tell: Tell;
  readonly connect: Connect;
  /** Runs the command that follows a change. Rejects if it fails. */
  readonly run: (command: string, folder: string) => Promise<void>;
}
