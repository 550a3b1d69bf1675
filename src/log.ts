import { pino, type Logger } from 'pino';

/** Members whose values are redacted, at the top level and one level below. */
const SECRETS = ['authorization', 'cookie', 'token', 'secret', 'key', 'passphrase', 'apiKey', 'privateKey'];

export type Log = Logger;

/** JSON lines on standard error; standard output is for people and for the `ready` line. */
export const createLogger = (level: string, write: (line: string) => void): Logger =>
  pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths: [...SECRETS, ...SECRETS.map((name) => `*.${name}`), ...SECRETS.map((name) => `*.headers["${name}"]`)], censor: '[secret]' } },
    { write },
  );
