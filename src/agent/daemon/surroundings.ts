import type { Connect } from '../renew-certificate.ts';
import type { Tell } from '../tell.ts';

/** What a keeper has of the world around it. */
export interface KeeperSurroundings {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly tell: Tell;
  readonly connect: Connect;
  /** Runs the command that follows a change. Rejects where it fails. */
  readonly run: (command: string, folder: string) => Promise<void>;
}
