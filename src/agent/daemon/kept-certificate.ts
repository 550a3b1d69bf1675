import type { Failure } from '../../client/failure.ts';
import { isoTime } from '../../iso-time.ts';
import type { Enrolled } from '../enrolled.ts';
import { type Present, readPresent, renewalUnderWay, renewCertificate } from '../renew-certificate.ts';
import { type Advice, askAdvice } from '../renewal-info.ts';
import { attempts } from './attempts.ts';
import type { Entry } from './entry.ts';
import { advisedAt, OUTAGE, plannedAt, pollAfter, restAfter, spreadAfterSleep, spreadAtStart } from './schedule.ts';
import type { KeeperSurroundings } from './surroundings.ts';

/** The status of a certificate, for monitoring. Times in milliseconds since the Unix epoch. */
export interface Status {
  readonly folder: string;
  readonly certificate: string;
  readonly profile: string;
  readonly serial: string;
  readonly notAfter: number;
  /** When it is due for renewal. */
  readonly due: number;
  /** When this process last renewed it. */
  readonly renewedAt: number | undefined;
  readonly failures: number;
  readonly failuresInARow: number;
}

/** One certificate that is kept renewed. */
export interface KeptCertificate {
  /** Does what is due. Returns when to look again. */
  readonly look: (enrolled: Enrolled) => Promise<number>;
  readonly status: () => Status | undefined;
  /** Discards the back-off after the clock was set. */
  readonly forget: () => void;
  /** Whether it has expired. */
  readonly ended: (enrolled: Enrolled) => boolean;
}

export function keptCertificate(entry: Entry, surroundings: KeeperSurroundings): KeptCertificate {
  const { folder, url, exec, reuseKey } = entry;
  const { now, random, tell, connect } = surroundings;
  const renewing = attempts(surroundings);
  const asking = attempts(surroundings);
  let serial: string | undefined;
  let wide = false;
  let advice: Advice | undefined;
  let told: string | undefined;
  let spread = false;
  let renewedAt: number | undefined;
  let status: Omit<Status, 'failures' | 'failuresInARow' | 'renewedAt'> | undefined;

  /** Starts over with a certificate other than at the last look: our own, or one that somebody else installed. */
  const begin = (enrolled: Enrolled, present: Present, afterOutage: boolean): void => {
    ({ serial } = present);
    wide = enrolled.renewed !== true || afterOutage;
    advice = undefined;
    told = undefined;
    spread = false;
    renewing.forget();
    asking.waitUntil(now() + spreadAtStart(present, random));
  };

  const askForAdvice = async (enrolled: Enrolled, present: Present): Promise<void> => {
    const ask = async (): Promise<void> => { advice = await askAdvice(folder, url, enrolled, present, connect); };
    // Advice is optional: only the first of consecutive failures is reported.
    const good = await asking.attempt(ask, present.notAfter, (failure) => {
      if (asking.failures() === 1) tell('info', 'no-advice', `${present.path}: the service could not be asked when to renew (${failure.message}); its age decides`, {
        certificate: present.path, code: failure.code,
      });
    });
    if (good) asking.waitUntil(now() + pollAfter(advice?.askAgain, random));
    if (advice?.explanation === undefined || advice.explanation === told) return;
    told = advice.explanation;
    tell('info', 'advice', `${present.path}: the service asks for early renewal: ${advice.explanation}`, { certificate: present.path, explanation: advice.explanation });
  };

  const renew = async (enrolled: Enrolled, present: Present): Promise<void> => {
    const failuresBefore = renewing.failures();
    const good = await renewing.attempt(async () => {
      const issued = await renewCertificate({ folder, url, reuseKey, wait: 0, commandFollows: exec !== undefined }, enrolled, present, { now, onProgress: () => {} }, connect);
      tell('info', 'renewed', `${present.path} is renewed; it expires ${isoTime(issued.notAfter)}`, { certificate: present.path, serial: issued.serial, notAfter: isoTime(issued.notAfter) });
    }, present.notAfter, (failure, again) => tellFailure(present, failure, again));
    if (!good) return;
    renewedAt = now();
    const next = readPresent(folder, enrolled);
    begin({ ...enrolled, renewed: true }, next, failuresBefore >= OUTAGE);
    renewing.waitUntil(now() + restAfter(next));
    if (now() >= plannedAt(next, next.serial, wide)) tell('warn', 'due-again', `${next.path} is new, but already due: is this machine's clock right?`, { certificate: next.path });
  };

  const tellFailure = (present: Present, failure: Failure, again: number): void => {
    const over = now() > present.notAfter;
    const state = over ? `it expired ${isoTime(present.notAfter)}; enroll again with a new token and --force` : `it expires ${isoTime(present.notAfter)}`;
    tell(over ? 'error' : 'warn', over ? 'ended' : 'failed', `${present.path} could not be renewed: ${said(failure)}; ${state}; next attempt ${isoTime(again)}`, {
      certificate: present.path, code: failure.code, failures: renewing.failures(), notAfter: isoTime(present.notAfter), next: isoTime(again),
    });
  };

  const statusOf = ({ profile }: Enrolled, { path, notAfter, serial: number }: Present, due: number): typeof status => ({ folder, certificate: path, profile, serial: number, notAfter, due });

  return {
    look: async (enrolled) => {
      let present = readPresent(folder, enrolled);
      if (serial !== present.serial) begin(enrolled, present, false);
      if (now() >= asking.notBefore()) await askForAdvice(enrolled, present);
      const due = (): number => {
        const planned = plannedAt(present, present.serial, wide);
        return advice === undefined ? planned : advisedAt(planned, advice, present.serial);
      };
      // A renewal under way is finished at once: its answer may already be there.
      const underWay = renewalUnderWay(folder, present) !== undefined;
      if (!underWay && !spread && renewing.failures() === 0 && now() >= due()) {
        spread = true;
        renewing.waitUntil(Math.max(renewing.notBefore(), now() + spreadAfterSleep(now() - due(), present.notAfter - now(), random)));
      }
      if (now() >= renewing.notBefore() && (underWay || now() >= due())) {
        await renew(enrolled, present);
        present = readPresent(folder, enrolled);
      }
      status = statusOf(enrolled, present, due());
      return Math.min(asking.notBefore(), Math.max(due(), renewing.notBefore()));
    },
    status: () => (status === undefined ? undefined : { ...status, renewedAt, failures: renewing.failed(), failuresInARow: renewing.failures() }),
    forget: () => {
      renewing.forget();
      asking.forget();
    },
    ended: (enrolled) => {
      const present = readPresent(folder, enrolled);
      if (now() <= present.notAfter || renewalUnderWay(folder, present)?.answer !== undefined) return false;
      status = statusOf(enrolled, present, now());
      return true;
    },
  };
}

/** A failure in one line. */
export const said = ({ message, advice }: Failure): string => [message, ...(advice === undefined ? [] : [advice])].map((part) => part.replace(/\.$/, '')).join('; ');
