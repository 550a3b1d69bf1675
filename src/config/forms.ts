import { X509Error } from '../x509/errors.ts';
import { textToName } from '../x509/general-name.ts';
import { DURATION_PATTERN, parseDuration } from './duration.ts';
import { readStoreAddress, STORE_ADDRESS_PATTERN, STORE_ADDRESSES, type StoreLocation } from './store-address.ts';

/** The address of a listener. Port 0 selects a free one. */
export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** A text format that is parsed into a validated value. */
export interface Form<T> {
  /** A description of a valid text. */
  readonly expected: string;
  /** An approximate pattern, for editors that use the JSON Schema. */
  readonly pattern?: string;
  /** Whether YAML may contain an integer instead of a text. */
  readonly takesNumbers?: true;
  /** The value, or undefined if the text is malformed. */
  readonly parse: (text: string) => T | undefined;
  /** Specific faults of a malformed text, such as `names no host`, where they can be determined. Reveals nothing of a secret. */
  readonly faults?: (text: string) => readonly string[];
}

/** The forms by name: a schema's `x-form`. */
export const FORMS = {
  duration: {
    expected: 'a duration such as 90s, 15m, 12h, 30d or 1y (a plain number is seconds)',
    pattern: DURATION_PATTERN,
    takesNumbers: true,
    parse: parseDuration,
  } satisfies Form<number>,
  listener: {
    expected: 'host:port, such as 127.0.0.1:8443, [::1]:8443 or 0.0.0.0:0, or off',
    pattern: '^(off|.+:[0-9]{1,5})$',
    parse: parseListener,
  } satisfies Form<Listener | 'off'>,
  httpsUrl: { expected: 'an address that begins with https://, without query', pattern: '^https://', parse: (text: string) => parseBaseUrl(text, 'https:') } satisfies Form<string>,
  httpUrl: { expected: 'an address that begins with http://, without query', pattern: '^http://', parse: (text: string) => parseBaseUrl(text, 'http:') } satisfies Form<string>,
  hostName: { expected: 'a host name or an IP address', parse: parseHostName } satisfies Form<string>,
  store: {
    expected: STORE_ADDRESSES,
    pattern: STORE_ADDRESS_PATTERN,
    parse: (text: string) => {
      const read = readStoreAddress(text);
      return 'location' in read ? read.location : undefined;
    },
    faults: (text: string) => {
      const read = readStoreAddress(text);
      return 'faults' in read ? read.faults : [];
    },
  } satisfies Form<StoreLocation>,
} as const;

export type FormName = keyof typeof FORMS;

function parseListener(text: string): Listener | 'off' | undefined {
  if (text === 'off') return 'off';
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = parseHostName(bracketed ?? plain ?? '');
  const port = Number(digits);
  if (host === undefined || port > 65_535 || host.includes(':') !== (bracketed !== undefined)) return undefined;
  return { host, port };
}

/** Without a trailing slash, so that paths can be appended. */
function parseBaseUrl(text: string, protocol: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const host = parseHostName(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  const plain = url.protocol === protocol && host !== undefined && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return plain ? `${url.origin}${url.pathname}`.replace(/\/+$/, '') : undefined;
}

/** Normalized as in a certificate. */
function parseHostName(text: string): string | undefined {
  try {
    const { kind, value } = textToName(text);
    return (kind === 'dns' && !value.startsWith('*')) || kind === 'ip' ? value : undefined;
  } catch (error) {
    if (error instanceof X509Error) return undefined;
    throw error;
  }
}
